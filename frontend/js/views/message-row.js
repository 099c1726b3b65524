/** @import { Component } from "../ui/dom.js" */
/** @import { MessageRow, MessageState } from "../session/types.js" */
/** @import { FileContext } from "./attachment.js" */
/** @import { TimelineItem } from "./timeline.js" */
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { formatTime } from "../ui/format.js";
import { icon, setIcon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { attachments } from "./attachments.js";
import { foldText } from "./fold-text.js";
import { linkText } from "./link-text.js";

/** @typedef {Extract<TimelineItem, { kind: "row" }>} RowItem */
/** @typedef {FileContext & { onRetry: (key: string) => void, onDiscard: (key: string) => void }} RowContext */

/** @type {Readonly<Record<Exclude<MessageState, "received">, string>>} state → icon */
export const TICKS = {
  pending: "clock",
  sent: "check",
  delivered: "check-double",
  read: "check-double",
  failed: "alert",
};

/**
 * One entry of a conversation. Its kind may change in place: what could not be read may be readable later.
 * @param {RowContext} context
 * @param {RowItem} first
 * @returns {Component<RowItem>}
 */
export function messageRow(context, first) {
  const el = h("li", null);
  /** @type {Component<RowItem>} */
  let body = bodyOf(context, first.row);
  let shown = first.row.kind;
  el.append(body.el);

  return {
    el,
    update(item) {
      const { row } = item;
      if (row.kind !== shown) {
        body.destroy();
        body = bodyOf(context, row);
        shown = row.kind;
        el.replaceChildren(body.el);
      }
      mark(el, item);
      body.update(item);
    },
    destroy() {
      body.destroy();
      el.replaceChildren();
    },
  };
}

/**
 * @param {HTMLElement} el
 * @param {RowItem} item
 */
function mark(el, { row, first, last }) {
  const isMessage = row.kind !== "system";
  el.className = isMessage ? "message" : "notice-row";
  setAttribute(el, "data-testid", isMessage ? "message" : null);
  setAttribute(el, "data-seq", isMessage ? row.seq : null);
  setAttribute(el, "data-mine", isMessage ? String(row.mine) : null);
  setAttribute(el, "data-state", isMessage ? row.state : null);
  setAttribute(el, "data-kind", row.kind);
  setAttribute(el, "data-first", first);
  setAttribute(el, "data-last", last);
}

/**
 * @param {RowContext} context
 * @param {MessageRow} row
 * @returns {Component<RowItem>}
 */
function bodyOf(context, row) {
  if (row.kind === "system") return notice();
  return bubble(context, row);
}

/** @returns {Component<RowItem>} */
function notice() {
  const el = h("p", { class: "notice caption" });
  return {
    el,
    update({ row }) {
      if (row.kind === "system") setText(el, t(`notice.${row.notice}`, row.params));
    },
    destroy() {},
  };
}

/**
 * @param {RowContext} context
 * @param {MessageRow} row
 * @returns {Component<RowItem>}
 */
function bubble(context, row) {
  const { key, mine, sender } = row;
  const content = contentOf(context, row);
  const time = h("time", null);
  const tick = icon("clock", { size: "small", label: "" });
  const failed = failedActions(context, key);
  const who = h(
    "span",
    { class: "visually-hidden" },
    mine ? t("chat.you_said") : t("chat.they_said", { name: context.nameOf(sender) }),
  );
  const el = h(
    "div",
    { class: "bubble" },
    who,
    content.el,
    h("span", { class: "meta caption" }, time, mine && tick),
    failed.el,
  );
  return {
    el,
    update({ row: next }) {
      content.update(next);
      setText(time, formatTime(next.sentMs));
      time.dateTime = new Date(next.sentMs).toISOString();
      if (next.state !== "received") {
        setIcon(tick, TICKS[next.state]);
        tick.dataset["state"] = next.state;
        tick.setAttribute("aria-label", t(`message.${next.state}`));
      }
      failed.update(next);
    },
    destroy: content.destroy,
  };
}

/**
 * @param {RowContext} context
 * @param {MessageRow} row
 * @returns {Component<MessageRow>}
 */
function contentOf(context, row) {
  if (row.kind === "text") return textContent();
  return row.kind === "files" ? filesContent(context, row) : explanation();
}

/**
 * Files, and the words that came with them.
 * @param {RowContext} context
 * @param {MessageRow} row
 * @returns {Component<MessageRow>}
 */
function filesContent(context, row) {
  const files = attachments(context, row);
  const caption = textContent();
  return {
    el: h("div", { class: "content" }, files.el, caption.el),
    update(next) {
      files.update(next);
      caption.update(next);
      caption.el.hidden = next.kind === "files" && next.text === "";
    },
    destroy() {
      files.destroy();
      caption.destroy();
    },
  };
}

/** @returns {Component<MessageRow>} */
function textContent() {
  const el = h("p", { class: "text", dir: "auto", "data-testid": "message-text" });
  const more = button({ label: t("chat.show_all"), kind: "quiet", onClick: () => unfold() });
  let text = "";
  let unfolded = false;

  function draw() {
    const shown = unfolded ? text : foldText(text);
    const isFolded = shown !== text;
    el.replaceChildren(...linkText(shown), isFolded ? "…" : "");
    more.el.hidden = !isFolded;
  }
  function unfold() {
    unfolded = true;
    draw();
    // The button that had the focus is gone; whoever listens goes on where the text is.
    el.tabIndex = -1;
    el.focus({ preventScroll: true });
  }
  return {
    el: h("div", { class: "content" }, el, more.el),
    update(row) {
      if ((row.kind !== "text" && row.kind !== "files") || row.text === text) return;
      text = row.text;
      draw();
    },
    destroy() {
      text = "";
      el.replaceChildren();
    },
  };
}

/**
 * Why a message cannot be shown, and what happens next; never a bare error.
 * @returns {Component<MessageRow>}
 */
function explanation() {
  const why = h("strong", null);
  const next = h("span", { class: "small" });
  return {
    el: h("div", { class: "content is-explanation" }, icon("lock", { size: "small" }), why, next),
    update(row) {
      if (row.kind === "undecryptable") {
        setText(why, t(`undecryptable.${row.reason}`));
        setText(next, t(`undecryptable.next.${row.next}`));
      } else {
        setText(why, t("message.unknown"));
        setText(next, t("message.unknown_next"));
      }
    },
    destroy() {},
  };
}

/**
 * @param {RowContext} context
 * @param {string} key
 * @returns {Component<MessageRow>}
 */
function failedActions({ onRetry, onDiscard }, key) {
  const why = h("span", { class: "caption" });
  const retry = button({ label: t("message.retry"), kind: "quiet", onClick: () => onRetry(key) });
  const discard = button({
    label: t("message.discard"),
    kind: "quiet",
    onClick: () => onDiscard(key),
  });
  const el = h("div", { class: "failed-actions", hidden: true }, why, retry.el, discard.el);
  return {
    el,
    update({ state, failure }) {
      el.hidden = state !== "failed";
      if (state === "failed") setText(why, t(failureKey(failure)));
      // It would be as large again.
      retry.el.hidden = failure === "too_large";
    },
    destroy() {},
  };
}

/** @param {string | null} failure an error code */
function failureKey(failure) {
  const said = [
    "not_contact",
    "identity_changed",
    "not_found",
    "quota_full",
    "quota_full_daily",
    "quota_full_pending",
    "too_large",
    "storage_full",
  ];
  return `message.failed.${failure !== null && said.includes(failure) ? failure : "other"}`;
}
