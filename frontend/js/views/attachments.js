/** @import { Component } from "../ui/dom.js" */
/** @import { Attachment, MessageRow } from "../session/types.js" */
/** @import { FileContext } from "./attachment.js" */
import { button } from "../ui/button.js";
import { h, setAttribute } from "../ui/dom.js";
import { plural } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { attachment } from "./attachment.js";

const SHOWN_AT_ONCE = 4;

/**
 * The files of a message; more than four only when they are asked for.
 * @param {FileContext} context
 * @param {MessageRow} row
 * @returns {Component<MessageRow>}
 */
export function attachments(context, row) {
  const items = h("div", { class: "items" });
  const list = keyedList(
    items,
    (/** @type {Attachment} */ { index }) => String(index),
    (file) => attachment(context, row, file),
  );
  const more = button({ label: "", kind: "quiet", testId: "attachments-more", onClick: unfold });
  /** @type {readonly Attachment[]} */
  let files = [];
  let isUnfolded = false;

  function draw() {
    const shown = isUnfolded ? files : files.slice(0, SHOWN_AT_ONCE);
    const hidden = files.length - shown.length;
    setAttribute(items, "data-grid", shown.length > 1 && shown.every(isSeen));
    list.update(shown);
    more.el.hidden = hidden === 0;
    more.update({ label: plural("attachment.more", hidden) });
  }
  function unfold() {
    isUnfolded = true;
    draw();
    // The button that had the focus is gone; whoever listens goes on at the first file it revealed.
    /** @type {HTMLElement | null} */ (
      items.children[SHOWN_AT_ONCE]?.querySelector("button:not([hidden])")
    )?.focus();
  }
  return {
    el: h("div", { class: "attachments" }, items, more.el),
    update(next) {
      if (next.kind !== "files") return;
      files = next.files;
      draw();
    },
    destroy: list.destroy,
  };
}

/** @param {Attachment} file */
function isSeen({ show }) {
  return show === "image" || show === "video";
}
