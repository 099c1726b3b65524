/** @import { App } from "./types.js" */
/** @import { FilesTab, Part } from "./files.js" */
/** @import { OpenFileResult, SealFor } from "../session/types.js" */
/** @import { Intact } from "./file-words.js" */
/** @import { Outcome } from "./file-outcome.js" */
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { errorCode, errorText } from "./error-text.js";
import { fileChoice } from "./file-choice.js";
import { fileOutcome } from "./file-outcome.js";
import { filePassphrase } from "./file-passphrase.js";
import { fileWork } from "./file-work.js";
import { comparable, intactWords, originNow, refusedWords, sealedWords } from "./file-words.js";
import { sealForm } from "./seal-form.js";
import { openVerify } from "./verify.js";

const MAGIC = "SEAL1F";
const SUFFIX = ".seal";

/**
 * Sealing and opening files on this device: one file at a time, one step after the other.
 *
 *     choose ─┬─▶ for whom ─▶ working ─▶ outcome ─▶ choose
 *             └─────▶ [passphrase] ─▶ working ─▶ outcome
 *
 * @param {App} app
 * @returns {FilesTab}
 */
export function sealBench(app) {
  const stage = h("div", { class: "seal-bench" });
  /** @type {Part | null} */
  let part = null;
  /** @type {string | null} the job whose result is shown or worked on */
  let job = null;
  let isWorking = false;
  /** @type {(() => void) | null} draws what is shown anew when somebody was verified */
  let judgeAgain = null;

  /** @param {Part} next */
  function show(next) {
    const isFirst = part === null;
    judgeAgain = null;
    part?.destroy();
    part = next;
    stage.replaceChildren(next.el);
    if (!isFirst) stage.querySelector("h2")?.focus({ preventScroll: true });
  }

  function letGo() {
    if (job === null) return;
    const [name, quiet] = [job, () => {}];
    job = null;
    isWorking = false;
    // Best effort: what is left behind is swept away when the page starts anew.
    app.engine.call("cancelFile", { job: name }).catch(quiet);
    app.engine.call("releaseFile", { job: name }).catch(quiet);
  }

  function choose() {
    letGo();
    show(fileChoice({ onFile: (file) => void begin(file) }));
  }

  /** @param {File} file */
  async function begin(file) {
    letGo();
    if (await isSealed(file)) return open(file);
    show(sealForm(app, { file, onSeal: (to) => void seal(file, to), onBack: choose }));
  }

  /**
   * @template Result
   * @param {File} file
   * @param {string} title
   * @param {(job: string) => Promise<Result>} run
   * @param {() => void} onRetry
   * @returns {Promise<Result | null>} null when it was cancelled or failed, which has been said
   */
  async function work(file, title, run, onRetry) {
    letGo();
    const mine = crypto.randomUUID();
    job = mine;
    isWorking = true;
    const working = fileWork({ file, title, onCancel: choose });
    const dispose = app.engine.on("fileProgress", (progress) => {
      if (progress.job === mine) working.update(progress);
    });
    show(working);
    try {
      const result = await run(mine);
      return job === mine ? result : null;
    } catch (error) {
      if (job === mine && errorCode(error) !== "cancelled") {
        const outcome = /** @type {const} */ ({ kind: "bad", title: t("files.failed") });
        end({ ...outcome, texts: [errorText(error)] }, file, null, onRetry);
      }
      return null;
    } finally {
      if (job === mine) isWorking = false;
      dispose();
    }
  }

  /**
   * @param {Outcome} outcome
   * @param {File} source
   * @param {File | null} file
   * @param {(() => void) | null} [onRetry]
   */
  function end(outcome, source, file, onRetry = null) {
    const onCompare = (/** @type {string} */ user) => void openVerify(app, user);
    show(fileOutcome({ outcome, source, file, onAgain: choose, onCompare, onRetry }));
  }

  /**
   * @param {File} source
   * @param {Intact} opened
   */
  function endIntact(source, opened) {
    const origin = originNow(opened.origin, app.store.get().people);
    end(intactWords({ ...opened, origin }, app.nowMs()), source, opened.file);
    judgeAgain = () => {
      const now = originNow(opened.origin, app.store.get().people);
      if (comparable(now) !== comparable(origin)) endIntact(source, opened);
    };
  }

  /**
   * @param {File} file
   * @param {SealFor} to
   */
  async function seal(file, to) {
    const sealing = (/** @type {string} */ name) =>
      app.engine.call("sealFile", { job: name, file, to });
    const again = () => void seal(file, to);
    const sealed = await work(file, t("files.sealing"), sealing, again);
    if (sealed === null) return;
    const people = app.store.get().people?.people ?? [];
    const person = people.find(({ id }) => to.kind === "contact" && id === to.user);
    end(sealedWords(to, person?.displayName ?? ""), file, sealed.file);
  }

  /**
   * @param {File} file
   * @param {string} [passphrase]
   */
  async function open(file, passphrase) {
    const opening = (/** @type {string} */ name) =>
      app.engine.call("openFile", {
        job: name,
        file,
        ...(passphrase === undefined ? {} : { passphrase }),
      });
    const again = () => void open(file, passphrase);
    const opened = await work(file, t("files.opening"), opening, again);
    if (opened === null) return;
    if (needsPassphrase(opened, passphrase)) return askPassphrase(file, passphrase !== undefined);
    if (opened.verdict === "intact") endIntact(file, opened);
    else end(refusedWords(opened), file, null);
  }

  /**
   * @param {File} file
   * @param {boolean} wrong
   */
  function askPassphrase(file, wrong) {
    const onOpen = (/** @type {string} */ typed) => void open(file, typed);
    show(filePassphrase({ file, wrong, onOpen, onBack: choose }));
  }

  choose();
  const forget = app.store.subscribe(
    (state) => state.people,
    () => judgeAgain?.(),
  );
  return {
    el: stage,
    canTake: () => !isWorking,
    take([file]) {
      if (file !== undefined) void begin(file);
    },
    destroy() {
      forget();
      letGo();
      part?.destroy();
    },
  };
}

/**
 * @param {OpenFileResult} opened
 * @param {string | undefined} passphrase what it was tried with
 */
function needsPassphrase({ verdict }, passphrase) {
  return verdict === "passphrase-needed" || (verdict === "not-for-us" && passphrase !== undefined);
}

/** @param {File} file */
async function isSealed(file) {
  if (file.name.toLowerCase().endsWith(SUFFIX)) return true;
  const beginning = await file
    .slice(0, MAGIC.length)
    .text()
    .catch(() => "");
  return beginning === MAGIC;
}
