/**
 * What stands in a conversation, top to bottom: days, the line above what is unread, and rows in groups.
 */

/** @import { MessageRow } from "../session/types.js" */

const MINUTE_MS = 60_000;

/**
 * `first` and `last` say where in its group a row stands; the time is shown under the last one.
 * @typedef {{ key: string, kind: "day", atMs: number }
 *   | { key: string, kind: "unread" }
 *   | { key: string, kind: "row", row: MessageRow, first: boolean, last: boolean }} TimelineItem
 */

/**
 * @param {readonly MessageRow[]} rows sorted by order
 * @param {number | null} firstUnreadSeq the first row that was unread when the conversation was opened
 * @returns {TimelineItem[]}
 */
export function timeline(rows, firstUnreadSeq) {
  /** @type {TimelineItem[]} */
  const items = [];
  let unreadMarked = firstUnreadSeq === null;
  rows.forEach((row, index) => {
    const before = rows[index - 1];
    const after = rows[index + 1];
    if (before === undefined || !isSameDay(before.sentMs, row.sentMs)) {
      items.push({ key: `day ${row.key}`, kind: "day", atMs: row.sentMs });
    }
    const isUnread = !unreadMarked && isNumberedFrom(row, firstUnreadSeq);
    if (isUnread) {
      unreadMarked = true;
      items.push({ key: "unread", kind: "unread" });
    }
    items.push({
      key: row.key,
      kind: "row",
      row,
      first: isUnread || before === undefined || !isSameGroup(before, row),
      last: after === undefined || !isSameGroup(row, after),
    });
  });
  return items;
}

/**
 * @param {MessageRow} row
 * @param {number | null} seq
 */
function isNumberedFrom(row, seq) {
  return seq !== null && row.seq !== null && row.seq >= seq && !row.mine;
}

/**
 * Rows of one sender within one minute of the clock stand together; a notice stands alone, and so does what failed,
 * because it carries its own buttons.
 * @param {MessageRow} a
 * @param {MessageRow} b the next one
 */
function isSameGroup(a, b) {
  return (
    a.kind !== "system" &&
    b.kind !== "system" &&
    a.state !== "failed" &&
    a.sender === b.sender &&
    Math.floor(a.sentMs / MINUTE_MS) === Math.floor(b.sentMs / MINUTE_MS)
  );
}

/**
 * @param {number} aMs
 * @param {number} bMs
 */
function isSameDay(aMs, bMs) {
  return new Date(aMs).toDateString() === new Date(bMs).toDateString();
}
