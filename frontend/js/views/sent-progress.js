/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { SentTransfer } from "../session/types.js" */
import { createPace } from "../lib/pace.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { sumOf } from "../state/transfers.js";
import { part, progressWords } from "./transfer-words.js";

const UNDER_WAY = new Set(["preparing", "uploading", "paused"]);

/**
 * How far all files of a transfer together are on their way up, also while it is paused. Hidden when they are not.
 * @param {App} app
 * @param {string} id
 * @returns {Component<SentTransfer>}
 */
export function sentProgress(app, id) {
  const bar = h("progress", { max: "1", "aria-label": t("transfers.progress") });
  const words = h("span", { class: "caption muted" });
  const el = h("div", { class: "progress" }, bar, words);
  const pace = createPace();
  /** @type {SentTransfer | null} */
  let model = null;

  function draw() {
    el.hidden = model === null || !UNDER_WAY.has(model.state);
    if (model === null || el.hidden) return;
    const sum = sumOf(model.files);
    setAttribute(bar, "value", part(sum.doneBytes, sum.totalBytes));
    const speed = pace(app.nowMs(), sum.doneBytes, sum.totalBytes);
    setText(words, progressWords(sum, model.state === "paused" ? null : speed));
  }

  const dispose = app.engine.on("transferProgress", ({ id: which, index, doneBytes }) => {
    if (which !== id || model === null) return;
    const files = model.files.map((file, at) => (at === index ? { ...file, doneBytes } : file));
    model = { ...model, files };
    draw();
  });
  return {
    el,
    update(next) {
      model = next;
      draw();
    },
    destroy: dispose,
  };
}
