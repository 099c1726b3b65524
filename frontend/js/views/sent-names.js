/** @import { Component } from "../ui/dom.js" */
/** @import { TransferItem } from "../session/types.js" */
import { h, setText } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { formatBytes } from "../ui/format.js";
import { plural } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { fileName } from "./transfer-words.js";

/** More than these are folded away. */
const SHOWN_FILES = 3;

/** @typedef {{ index: number, file: TransferItem }} Named */

/**
 * What went, by name and size.
 * @returns {Component<readonly TransferItem[]>}
 */
export function sentFilesSummary() {
  const items = h("ul");
  const summary = h("summary", { class: "small" });
  const el = h("details", { class: "sent-names" }, summary, items);
  const list = keyedList(items, (/** @type {Named} */ { index }) => String(index), nameRow);
  let isNew = true;
  return {
    el,
    update(files) {
      const isShort = files.length <= SHOWN_FILES;
      summary.hidden = isShort;
      // What the reader has folded stays folded.
      if (isNew) el.open = isShort;
      isNew = false;
      setText(summary, plural("attachment.files", files.length));
      list.update(files.map((file, index) => ({ index, file })));
    },
    destroy: list.destroy,
  };
}

/** @returns {Component<Named>} */
function nameRow() {
  const name = fileNameLine();
  const size = h("span", { class: "caption muted" });
  return {
    el: h("li", { class: "small" }, name.el, size),
    update({ index, file }) {
      name.update(fileName(file, index));
      setText(size, formatBytes(file.sizeBytes));
    },
    destroy() {},
  };
}
