/** @import { App, Screen } from "./types.js" */
/** @import { OpenFileResult, SealFor } from "../session/types.js" */
/** @import { Outcome } from "./file-outcome.js" */
import { Disposables } from "../lib/disposables.js";
import { h, setAttribute } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { errorCode, errorText } from "./error-text.js";
import { fileChoice } from "./file-choice.js";
import { fileOutcome } from "./file-outcome.js";
import { filePassphrase } from "./file-passphrase.js";
import { fileWork } from "./file-work.js";
import { intactWords, refusedWords, sealedWords } from "./file-words.js";
import { sealForm } from "./seal-form.js";

/** @typedef {{ el: HTMLElement, destroy: () => void }} Part */

const MAGIC = "SEAL1F";
const SUFFIX = ".seal";

/**
 * Sealing and opening files on this device: one file at a time, one step after the other.
 *
 *     choose ─┬─▶ for whom ─▶ working ─▶ outcome ─▶ choose
 *             └─────▶ [passphrase] ─▶ working ─▶ outcome
 *
 * @param {App} app
 * @returns {Screen}
 */
export function filesScreen(app) {
  const undo = new Disposables();
  const stage = h("div", { class: "stage" });
  const main = h(
    "div",
    { class: "files-screen pane-body" },
    h("div", { class: "column" }, h("h1", null, t("nav.files")), stage),
  );
  /** @type {Part | null} */
  let part = null;
  /** @type {string | null} the job whose result is shown or worked on */
  let job = null;
  let isWorking = false;

  /** @param {Part} next */
  function show(next) {
    const isFirst = part === null;
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
   * @returns {Promise<Result | null>} null when it was cancelled or failed, which has been said
   */
  async function work(file, title, run) {
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
        end({ kind: "bad", title: t("files.failed"), texts: [errorText(error)] }, null);
      }
      return null;
    } finally {
      if (job === mine) isWorking = false;
      dispose();
    }
  }

  /**
   * @param {Outcome} outcome
   * @param {File | null} file
   */
  function end(outcome, file) {
    show(fileOutcome({ outcome, file, onAgain: choose }));
  }

  /**
   * @param {File} file
   * @param {SealFor} to
   */
  async function seal(file, to) {
    const sealing = (/** @type {string} */ name) =>
      app.engine.call("sealFile", { job: name, file, to });
    const sealed = await work(file, t("files.sealing"), sealing);
    if (sealed === null) return;
    const people = app.store.get().people?.people ?? [];
    const person = people.find(({ id }) => to.kind === "contact" && id === to.user);
    end(sealedWords(to, person?.displayName ?? ""), sealed.file);
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
    const opened = await work(file, t("files.opening"), opening);
    if (opened === null) return;
    if (needsPassphrase(opened, passphrase)) return askPassphrase(file, passphrase !== undefined);
    if (opened.verdict === "intact") end(intactWords(opened, app.nowMs()), opened.file);
    else end(refusedWords(opened), null);
  }

  /**
   * @param {File} file
   * @param {boolean} wrong
   */
  function askPassphrase(file, wrong) {
    const onOpen = (/** @type {string} */ typed) => void open(file, typed);
    show(filePassphrase({ file, wrong, onOpen, onBack: choose }));
  }

  /** @param {DragEvent} event */
  function dragged(event) {
    if (event.dataTransfer?.types.includes("Files") !== true) return;
    event.preventDefault(); // or the browser would leave the page for the file
    if (isWorking) return;
    setAttribute(main, "data-dropping", event.type === "dragover");
    const file = event.type === "drop" ? event.dataTransfer.files[0] : undefined;
    if (file !== undefined) void begin(file);
  }
  for (const type of /** @type {const} */ (["dragover", "dragleave", "drop"])) {
    main.addEventListener(type, dragged);
  }
  undo.add(letGo);
  undo.add(() => part?.destroy());
  choose();
  return {
    panes: { main },
    show: () => ({ pane: "main", layout: "page", details: false }),
    destroy: () => undo.dispose(),
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
