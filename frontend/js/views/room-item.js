/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { MessageRow, RoomItem } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { formatLeft, formatWhen } from "../ui/format.js";
import { icon, setIcon } from "../ui/icon.js";
import { plural, t } from "../ui/i18n.js";
import { filesLine, lineIcon } from "./attachment-words.js";
import { TICKS } from "./message-row.js";

const DAY_MS = 24 * 60 * 60_000;
/** A line in a list shows no more; the rest would only be cut off by the browser. */
const LINE_CHARS = 160;

/** @typedef {{ room: RoomItem, open: boolean }} RoomItemModel */

/**
 * One conversation in the list.
 * @param {App} app
 * @param {RoomItem} first
 * @returns {Component<RoomItemModel>}
 */
export function roomItem(app, first) {
  const face = avatar();
  const name = h("strong", { class: "truncate", dir: "auto" });
  const shield = icon("shield-check", { size: "small", label: t("people.verified") });
  const when = h("time", { class: "caption muted" });
  const tick = icon("check", { size: "small", label: "" });
  const mark = icon("file", { size: "small" });
  const line = h("span", { class: "line truncate small", dir: "auto" });
  const unread = h("span", { class: "unread" });
  const ring = h("span", { class: "ring", role: "img" });
  const link = h(
    "a",
    {
      class: "room-item",
      href: app.router.href("room", { room: first.id }),
      "data-testid": "room-item",
      "data-room": first.id,
    },
    face.el,
    h("span", { class: "first-line" }, h("span", { class: "name" }, name, shield), ring, when),
    h("span", { class: "second-line" }, tick, mark, line, unread),
  );
  return {
    el: h("li", null, link),
    update({ room, open }) {
      const { peer, lastRow } = room;
      face.update({ userId: peer.id, name: peer.displayName, presence: peer.presence });
      setText(name, peer.displayName);
      setAttribute(shield, "hidden", peer.identity === "verified" ? null : true);
      setText(when, formatWhen(room.lastActivityMs, app.nowMs()));
      drawTick(tick, room.typing || room.draft !== "" ? null : lastRow);
      drawMark(mark, room);
      setText(line, lineOf(room));
      setAttribute(line, "data-quiet", room.typing || room.draft !== "");
      unread.hidden = room.unread === 0;
      setText(unread, room.unread > 99 ? "99+" : String(room.unread));
      unread.setAttribute("aria-label", plural("chats.unread", room.unread));
      drawRing(ring, room.expiresMs - app.nowMs());
      setAttribute(link, "aria-current", open ? "true" : null);
    },
    destroy() {},
  };
}

/**
 * @param {SVGSVGElement} tick
 * @param {MessageRow | null} row
 */
function drawTick(tick, row) {
  const state = row?.mine ? row.state : "received";
  setAttribute(tick, "hidden", state === "received" ? true : null);
  if (state === "received") return;
  setIcon(tick, TICKS[state]);
  tick.dataset["state"] = state;
  tick.setAttribute("aria-label", t(`message.${state}`));
}

/**
 * @param {RoomItem} room
 * @returns {string}
 */
function lineOf({ typing, draft, lastRow }) {
  if (typing) return t("chats.typing");
  if (draft !== "") return t("chats.draft", { text: draft.slice(0, LINE_CHARS) });
  if (lastRow === null) return t("chats.no_messages");
  switch (lastRow.kind) {
    case "text":
      return oneLine(lastRow.text);
    case "files":
      return oneLine(lastRow.text) || filesLine(lastRow.files).slice(0, LINE_CHARS);
    case "system":
      return t(`notice.${lastRow.notice}`, lastRow.params);
    case "undecryptable":
      return t("chats.undecryptable");
    case "unknown":
      return t("message.unknown");
  }
}

/** @param {string} text */
function oneLine(text) {
  return text.slice(0, LINE_CHARS).replace(/\s+/gu, " ");
}

/**
 * @param {SVGSVGElement} mark
 * @param {RoomItem} room
 */
function drawMark(mark, { typing, draft, lastRow }) {
  const files = lastRow?.kind === "files" && !typing && draft === "" ? lastRow.files : [];
  setAttribute(mark, "hidden", files.length === 0 ? true : null);
  if (files.length > 0) setIcon(mark, lineIcon(files));
}

/**
 * In its last day a room shows how much of the day is left.
 * @param {HTMLElement} ring
 * @param {number} leftMs
 */
function drawRing(ring, leftMs) {
  ring.hidden = leftMs >= DAY_MS || leftMs <= 0;
  if (ring.hidden) return;
  ring.style.setProperty("--left", `${Math.round((leftMs / DAY_MS) * 100)}%`);
  ring.setAttribute("aria-label", t("expiry.left", { left: formatLeft(leftMs) }));
}
