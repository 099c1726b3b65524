/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { FileOrigin, TransferItem } from "../session/types.js" */
import { Disposables } from "../lib/disposables.js";
import { createPace } from "../lib/pace.js";
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";
import { errorCode } from "./error-text.js";
import { receivedFileWords } from "./received-words.js";
import { saveFile } from "./save-file.js";
import { fileName, part, progressWords } from "./transfer-words.js";

/** @typedef {{ file: TransferItem, name: string, origin: FileOrigin | null, canSave: boolean }} ReceivedFileModel */

const ON_ITS_WAY = new Set(["queued", "moving"]);
const REFUSED = new Set(["damaged", "wrong-sender", "gone"]);

/**
 * One file that came: how large, how far, the verdict, and what can be done with it. Nothing is saved before the engine
 * has verified it to the last byte.
 * @param {App} app
 * @param {string} id of its transfer
 * @param {number} index
 * @returns {Component<ReceivedFileModel> & { save: () => Promise<void>, canSave: () => boolean }} save: settles in any case
 */
export function receivedFile(app, id, index) {
  const undo = new Disposables();
  const name = fileNameLine();
  const status = h("span", { class: "caption status" });
  const bar = h("progress", { max: "1" });
  const save = small("download", "transfer-save", () => void fetchFile());
  const again = small("refresh", "transfer-retry", () => void fetchFile());
  const cancel = small("close", "transfer-cancel", () => {
    void act(app, "cancelFetchTransfer", { id, index });
  });
  const el = h(
    "li",
    { class: "transfer-file" },
    icon("file"),
    h("span", { class: "said" }, name.el, status),
    cancel.el,
    again.el,
    save.el,
    bar,
  );
  /** @type {ReceivedFileModel | null} */
  let model = null;
  /** @type {Pick<TransferItem, "state" | "failure"> | null} how it ended here, until the engine says so too */
  let ending = null;
  let isFetching = false;
  let pace = createPace();

  async function fetchFile() {
    if (isFetching) return;
    isFetching = true;
    ending = null;
    pace = createPace();
    draw();
    try {
      const { file } = await app.engine.call("fetchTransfer", { id, index });
      saveFile(file, file.name);
    } catch (error) {
      ending = endingOf(errorCode(error));
    }
    isFetching = false;
    draw();
  }

  function draw() {
    if (model === null) return;
    const item = shown(model.file);
    const isMoving = item.state === "moving";
    const isBusy = ON_ITS_WAY.has(item.state);
    const isRefused = REFUSED.has(item.state);
    const called = fileName(item, index);
    name.update(called);
    const { doneBytes, sizeBytes: totalBytes } = item;
    const progress = { doneBytes, totalBytes };
    const speed = isMoving ? pace(app.nowMs(), doneBytes, totalBytes) : null;
    setText(status, isMoving ? progressWords(progress, speed) : receivedFileWords(item, model));
    setAttribute(el, "data-state", item.state);
    bar.hidden = !isBusy;
    setAttribute(bar, "value", part(doneBytes, totalBytes));
    setAttribute(bar, "aria-label", t("attachment.progress", { name: called }));
    cancel.el.hidden = !isBusy;
    again.el.hidden = item.state !== "failed" || item.failure === "used_up";
    save.el.hidden = !model.canSave || isBusy || isRefused || item.state === "failed";
    relabel(save, t("attachment.download", { name: called }));
    relabel(again, t("transfers.retry_name", { name: called }));
    relabel(cancel, t("attachment.cancel", { name: called }));
  }

  /** @param {TransferItem} file @returns {TransferItem} */
  function shown(file) {
    if (isFetching && !ON_ITS_WAY.has(file.state))
      return { ...file, state: "moving", doneBytes: 0 };
    return ending !== null && file.state === "waiting" ? { ...file, ...ending } : file;
  }

  undo.add(
    app.engine.on("transferProgress", (news) => {
      if (news.id !== id || news.index !== index || model === null) return;
      const { doneBytes } = news;
      model = { ...model, file: { ...model.file, state: "moving", doneBytes } };
      draw();
    }),
  );
  return {
    el,
    update(next) {
      model = next;
      draw();
    },
    save: fetchFile,
    canSave: () => !save.el.hidden,
    destroy: () => undo.dispose(),
  };
}

/**
 * @param {string} code
 * @returns {Pick<TransferItem, "state" | "failure"> | null} null when somebody wanted it to end
 */
function endingOf(code) {
  if (code === "cancelled") return null;
  if (code === "damaged" || code === "gone") return { state: code, failure: null };
  if (code === "wrong_sender") return { state: "wrong-sender", failure: null };
  return { state: "failed", failure: code };
}

/**
 * @param {string} name of an icon
 * @param {string} testId
 * @param {() => void} onClick
 */
function small(name, testId, onClick) {
  return button({ label: "", icon: name, iconOnly: true, kind: "quiet", testId, onClick });
}

/**
 * @param {ReturnType<typeof button>} one
 * @param {string} label
 */
function relabel(one, label) {
  one.update({ label });
  setAttribute(one.el, "title", label);
}
