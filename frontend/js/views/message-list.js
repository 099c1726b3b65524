/**
 * The scrolling part of a conversation. It draws one stretch of at most WINDOW_ROWS rows (state/messages.js) and asks for
 * more when the reader comes near an end, so ten thousand messages cost no more than two hundred.
 *
 * The scroll follows two rules: a reader at the newest row stays there; a reader anywhere else keeps the row they look at
 * where it is, whatever is added or dropped above and below it.
 */

/** @import { Component } from "../ui/dom.js" */
/** @import { Conversation } from "../state/messages.js" */
/** @import { Place } from "./reading-place.js" */
/** @import { Anchor } from "./scroll-anchor.js" */
/** @import { TimelineItem } from "./timeline.js" */
/** @import { RowContext } from "./message-row.js" */
import { Disposables } from "../lib/disposables.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatDay } from "../ui/format.js";
import { t, plural } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { messageRow } from "./message-row.js";
import { anchorOf, lastShown, restoreAnchor } from "./scroll-anchor.js";
import { timeline } from "./timeline.js";

/** Closer to an end than this, the next page is asked for: about a screen, so it is there before the reader is. */
const LOAD_AHEAD_PX = 800;
const AT_BOTTOM_PX = 48;

/**
 * @typedef {RowContext & {
 *   nowMs: () => number,
 *   onOlder: () => void,
 *   onNewer: () => void,
 *   onOldest: () => void,
 *   onNewest: () => void,
 *   onFollow: (follows: boolean) => void,
 *   onSeen: (seq: number) => void,
 * }} ListContext  onSeen: every row up to this number has been on the screen
 */
/**
 * `unread` counts what has not been on the screen; `place` is where to begin, when the reader has been here before.
 * @typedef {{ conversation: Conversation, firstUnreadSeq: number | null, unread: number, place: Place | null }} ListModel
 */

/**
 * @param {ListContext} context
 * @returns {Component<ListModel> & { toEnd: () => void, place: () => Place | null }} place: null at the newest row
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
  const pill = button({
    label: "",
    icon: "down",
    kind: "primary",
    testId: "new-messages",
    onClick: () => {
      toEnd();
      scroller.focus({ preventScroll: true });
    },
  });
  pill.el.classList.add("new-pill");
  pill.el.hidden = true;
  const el = h("div", { class: "message-area" }, scroller, pill.el);

  /** @type {ListModel | null} */
  let model = null;
  /** @type {TimelineItem[]} */
  let items = [];
  /** @type {Anchor | null} */
  let anchor = null;
  let isOpened = false;
  let follows = false;
  /** @type {"top" | "end" | null} what the reader asked to see and is not loaded yet */
  let goal = null;
  let size = "";
  let frame = 0;

  const sizeNow = () => `${scroller.clientWidth} ${scroller.clientHeight}`;
  const isShown = () => scroller.clientHeight > 0;
  const belowPx = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;

  /** @param {ListModel} next */
  function update(next) {
    measure();
    model = next;
    items = timeline(next.conversation.rows, next.firstUnreadSeq);
    list.update(items);
    settle();
    lookSoon();
  }

  /** Put the scroll where it belongs after something has changed. */
  function settle() {
    if (model === null || items.length === 0 || !isShown()) return;
    if (isOpened) hold(model.conversation);
    else open(model);
    size = sizeNow();
    measure();
  }

  /** @param {Conversation} conversation */
  function hold({ hasOlder, hasNewer }) {
    if (goal === "top" && !hasOlder) {
      scroller.scrollTop = 0;
      goal = null;
    } else if (!hasNewer && (follows || goal === "end")) {
      toBottom();
      if (goal === "end") goal = null;
    } else if (anchor !== null) restoreAnchor(scroller, anchor);
  }

  /**
   * The first time: where the reader was, else at the line above what is unread, else at the end.
   * @param {ListModel} begin
   */
  function open({ place, conversation }) {
    isOpened = true;
    const known = place && conversation.rows.find(({ order }) => order >= place.order);
    const row = known && list.get(known.key)?.el;
    const line = list.get("unread")?.el;
    if (place && row) restoreAnchor(scroller, { el: row, offsetPx: place.offsetPx });
    else if (line) restoreAnchor(scroller, { el: line, offsetPx: scroller.clientHeight / 4 });
    else toBottom();
  }

  function toBottom() {
    scroller.scrollTop = scroller.scrollHeight;
  }

  function toEnd() {
    if (model === null) return;
    if (model.conversation.hasNewer) {
      goal = "end";
      context.onNewest();
    } else {
      toBottom();
      measure();
    }
  }

  /** Where the reader is; asked only while the frame is as it was, or its change would look like a step of theirs. */
  function measure() {
    if (model === null || !isOpened || !isShown() || size !== sizeNow()) return;
    anchor = anchorOf(scroller, rows, (index) => items[index]?.kind === "row");
    follows = belowPx() < AT_BOTTOM_PX && !model.conversation.hasNewer;
    if (follows !== model.conversation.follows) context.onFollow(follows);
  }

  function scrolled() {
    measure();
    lookSoon();
  }

  function lookSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(look);
  }

  /** Once a frame: page at the ends, tell what was seen, show or hide the pill. */
  function look() {
    if (model === null || !isOpened || !isShown()) return;
    const { conversation, unread } = model;
    const below = belowPx();
    if (conversation.hasOlder && scroller.scrollTop < LOAD_AHEAD_PX) context.onOlder();
    if (conversation.hasNewer && below < LOAD_AHEAD_PX) context.onNewer();
    pill.el.hidden = follows || (below < scroller.clientHeight && unread === 0);
    pill.update({ label: unread > 0 ? plural("chat.new", unread) : t("chat.newest") });
    const seen = lastNumber(items.slice(0, lastShown(scroller, rows) + 1));
    if (seen > 0) context.onSeen(seen);
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    if (event.target !== scroller || model === null) return;
    if (event.key === "End") toEnd();
    else if (event.key === "Home" && model.conversation.hasOlder) {
      goal = "top";
      context.onOldest();
    } else return;
    event.preventDefault();
  }

  undo.listen(scroller, "scroll", scrolled, { passive: true });
  undo.listen(scroller, "keydown", keyed);
  const resized = new ResizeObserver(() => {
    settle();
    lookSoon();
  });
  resized.observe(scroller);
  undo.add(() => resized.disconnect());
  undo.add(() => cancelAnimationFrame(frame));
  undo.add(list.destroy);

  return {
    el,
    update,
    toEnd,
    place() {
      const item = anchor === null ? undefined : items[anchor.index];
      if (follows || anchor === null || item?.kind !== "row") return null;
      return { order: item.row.order, offsetPx: Math.round(anchor.offsetPx) };
    },
    destroy: () => undo.dispose(),
  };
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
 * @param {readonly TimelineItem[]} items
 * @returns {number} of the last numbered row, 0 when there is none
 */
function lastNumber(items) {
  const item = items.findLast((each) => each.kind === "row" && each.row.seq !== null);
  return item?.kind === "row" ? (item.row.seq ?? 0) : 0;
}
