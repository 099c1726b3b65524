/** @import { MessageRow } from "../session/types.js" */
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { filesLine } from "./attachment-words.js";

/** More than this nobody listens to at once; the message itself is there to be read. */
const SAID_CHARS = 300;

/**
 * Says new messages of others to screen readers, and only those: not what is loaded by scrolling, nor what changes.
 */
export function announcer() {
  const el = h("div", { class: "visually-hidden", "aria-live": "polite" });
  let heardSeq = 0;
  return {
    el,
    /**
     * @param {readonly MessageRow[]} rows that were added or changed
     * @param {string} name of whoever is not the reader
     */
    heard(rows, name) {
      const news = rows.filter(
        (row) => !row.mine && spoken(row) !== "" && (row.seq ?? 0) > heardSeq,
      );
      const last = news.at(-1);
      if (last === undefined) return;
      heardSeq = last.seq ?? heardSeq;
      const text = spoken(last).slice(0, SAID_CHARS);
      // A new node is said even when its words are those of the one before.
      el.replaceChildren(h("p", null, t("chat.announce", { name, text })));
    },
  };
}

/** @param {MessageRow} row */
function spoken(row) {
  if (row.kind === "text") return row.text;
  return row.kind === "files" ? `${filesLine(row.files)} ${row.text}`.trim() : "";
}
