/**
 * The scrolling part of a conversation. It draws one stretch of at most WINDOW_ROWS rows (state/messages.js) and asks for
 * more when the reader comes near an end, so ten thousand messages cost no more than two hundred.
 *
 * The scroll follows two rules: a reader at the bottom stays at the bottom; a reader anywhere else keeps the row they look
 * at where it is, whatever is added or dropped above and below it.
 */

/** @import { Component } from "../ui/dom.js" */
/** @import { Conversation } from "../state/messages.js" */
/** @import { TimelineItem } from "./timeline.js" */
/** @import { RowContext } from "./message-row.js" */
import { Disposables } from "../lib/disposables.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatDay } from "../ui/format.js";
import { t, plural } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { messageRow } from "./message-row.js";
import { timeline } from "./timeline.js";

/** Closer to an end than this, the next page is asked for: about a screen, so it is there before the reader is. */
const LOAD_AHEAD_PX = 800;
const AT_BOTTOM_PX = 48;

/**
 * @typedef {RowContext & {
 *   nowMs: () => number,
 *   onOlder: () => void,
 *   onNewer: () => void,
 *   onNewest: () => void,
 *   onSeen: (seq: number) => void,
 * }} ListContext  onSeen: every row up to this number has been on the screen
 */
/** @typedef {{ conversation: Conversation, firstUnreadSeq: number | null }} ListModel */

/**
 * @param {ListContext} context
 * @returns {Component<ListModel>}
 */
export function messageList(context) {
  const undo = new Disposables();
  const rows = h("ol", { class: "rows" });
  const list = keyedList(
    rows,
    (/** @type {TimelineItem} */ item) => item.key,
    (item) => itemRow(context, item),
  );
  const scroller = h(
    "div",
    {
      class: "message-list",
      role: "log",
      "aria-live": "off",
      "aria-label": t("chat.log"),
      tabindex: 0,
    },
    rows,
  );
  const said = h("p", { class: "visually-hidden", "aria-live": "polite" });
  const pill = button({
    label: "",
    icon: "down",
    kind: "primary",
    testId: "new-messages",
    onClick: () => (model?.conversation.hasNewer ? context.onNewest() : toBottom()),
  });
  pill.el.classList.add("new-pill");
  pill.el.hidden = true;
  const el = h("div", { class: "message-area" }, scroller, said, pill.el);

  /** @type {ListModel | null} */
  let model = null;
  let isOpened = false;
  let lastKey = "";
  let missed = 0;
  let frame = 0;

  const isAtBottom = () =>
    scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_BOTTOM_PX;

  function toBottom() {
    scroller.scrollTop = scroller.scrollHeight;
    missed = 0;
    scrolled();
  }

  /** @param {ListModel} next */
  function update(next) {
    const follow = isOpened && isAtBottom() && !next.conversation.hasNewer;
    const anchor = isOpened && !follow ? anchorOf(scroller, rows) : null;
    model = next;
    list.update(timeline(next.conversation.rows, next.firstUnreadSeq));
    if (!isOpened) open();
    else if (follow) toBottom();
    else if (anchor !== null) restore(scroller, anchor);
    announce(next.conversation, follow);
    scrolled();
  }

  /** The first time: at the line above what is unread, else at the end. */
  function open() {
    if (model === null || model.conversation.rows.length === 0) return;
    isOpened = true;
    lastKey = model.conversation.rows.at(-1)?.key ?? "";
    const line = rows.querySelector(".unread-line");
    if (line === null) toBottom();
    else line.scrollIntoView({ block: "center" });
  }

  /**
   * Say what came in, and count it while the reader is elsewhere.
   * @param {Conversation} conversation
   * @param {boolean} isFollowing
   */
  function announce({ rows: all, hasNewer }, isFollowing) {
    const at = all.findIndex((row) => row.key === lastKey);
    const fresh = at < 0 ? [] : all.slice(at + 1);
    if (!hasNewer) lastKey = all.at(-1)?.key ?? lastKey;
    const received = fresh.filter((row) => row.kind === "text" && !row.mine);
    if (!isFollowing) missed += hasNewer ? 0 : received.length;
    const last = received.at(-1);
    if (last?.kind === "text") {
      setText(said, t("chat.announce", { name: context.nameOf(last.sender), text: last.text }));
    }
    if (fresh.some((row) => row.mine && row.seq === null)) toBottom();
  }

  function scrolled() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(look);
  }

  /** Read the layout once a frame: page at the ends, tell what was seen, show or hide the pill. */
  function look() {
    if (model === null || !isOpened) return;
    const { rows: all, hasOlder, hasNewer } = model.conversation;
    const belowPx = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    if (hasOlder && scroller.scrollTop < LOAD_AHEAD_PX) context.onOlder();
    if (hasNewer && belowPx < LOAD_AHEAD_PX) context.onNewer();
    const bottom = belowPx < AT_BOTTOM_PX && !hasNewer;
    if (bottom) missed = 0;
    pill.el.hidden = bottom || (belowPx < scroller.clientHeight && missed === 0);
    pill.update({ label: missed > 0 ? plural("chat.new", missed) : t("chat.newest") });
    const seen = bottom ? lastNumber(all) : lastVisible(scroller, rows);
    if (seen > 0) context.onSeen(seen);
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    if (event.key === "End" && model?.conversation.hasNewer) context.onNewest();
  }

  undo.listen(scroller, "scroll", scrolled, { passive: true });
  undo.listen(scroller, "keydown", keyed);
  const resized = new ResizeObserver(() => {
    if (isOpened && missed === 0 && pill.el.hidden && !model?.conversation.hasNewer) toBottom();
  });
  resized.observe(scroller);
  undo.add(() => resized.disconnect());
  undo.add(() => cancelAnimationFrame(frame));
  undo.add(list.destroy);

  return { el, update, destroy: () => undo.dispose() };
}

/**
 * @param {ListContext} context
 * @param {TimelineItem} item
 * @returns {Component<TimelineItem>}
 */
function itemRow(context, item) {
  if (item.kind === "row") return /** @type {Component<any>} */ (messageRow(context, item));
  const label = h("span", { class: "caption" });
  const el = h("li", { class: item.kind === "day" ? "day-line" : "unread-line" }, label);
  return {
    el,
    update(next) {
      if (next.kind === "day") setText(label, formatDay(next.atMs, context.nowMs()));
      else setText(label, t("chat.unread"));
    },
    destroy() {},
  };
}

/**
 * The first row whose end is on the screen, and where it stands.
 * @param {HTMLElement} scroller
 * @param {HTMLElement} rows
 * @returns {{ el: Element, top: number } | null}
 */
function anchorOf(scroller, rows) {
  const edge = scroller.getBoundingClientRect().top;
  const el = firstWhere(rows, (row) => row.getBoundingClientRect().bottom > edge);
  return el === null ? null : { el, top: el.getBoundingClientRect().top };
}

/**
 * @param {HTMLElement} scroller
 * @param {{ el: Element, top: number }} anchor
 */
function restore(scroller, { el, top }) {
  if (!el.isConnected) return;
  scroller.scrollTop += el.getBoundingClientRect().top - top;
}

/**
 * Rows stand in order, so half of them can be left out at each look.
 * @param {HTMLElement} rows
 * @param {(row: Element) => boolean} fits false for all rows before the wanted one, true from it on
 */
function firstWhere(rows, fits) {
  const all = rows.children;
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(/** @type {Element} */ (all[middle]))) high = middle;
    else low = middle + 1;
  }
  return all[low] ?? null;
}

/**
 * @param {HTMLElement} scroller
 * @param {HTMLElement} rows
 * @returns {number} 0 when nothing numbered is on the screen
 */
function lastVisible(scroller, rows) {
  const edge = scroller.getBoundingClientRect().bottom;
  let row = firstWhere(rows, (each) => each.getBoundingClientRect().top >= edge);
  row = row === null ? rows.lastElementChild : row.previousElementSibling;
  while (row !== null && !row.hasAttribute("data-seq")) row = row.previousElementSibling;
  return Number(row?.getAttribute("data-seq") ?? 0);
}

/** @param {Conversation["rows"]} rows */
function lastNumber(rows) {
  return rows.findLast((row) => row.seq !== null)?.seq ?? 0;
}
