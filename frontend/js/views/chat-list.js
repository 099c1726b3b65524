/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { Me, People, RoomItem } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { skeleton } from "../ui/skeleton.js";
import { addContactForm } from "./add-contact-form.js";
import { contactRequests } from "./contact-requests.js";
import { friendCodeCard } from "./friend-code-card.js";
import { openNewRoom } from "./new-room.js";
import { roomItem } from "./room-item.js";

/**
 * @typedef {object} ChatListModel
 * @property {RoomItem[] | null} rooms
 * @property {People | null} people
 * @property {Me | null} me
 * @property {string | null} open the room beside the list
 */

/**
 * All conversations, those who ask to talk, and, while there is nobody, how to find each other.
 * @param {App} app
 * @returns {Component<ChatListModel>}
 */
export function chatList(app) {
  const requests = contactRequests(app);
  const add = addContactForm(app);
  const mine = friendCodeCard(app);
  const items = h("ul", {
    class: "room-list",
    "data-testid": "room-list",
    "aria-label": t("nav.chats"),
  });
  const rooms = keyedList(
    items,
    (/** @type {{ room: RoomItem, open: boolean }} */ { room }) => room.id,
    ({ room }) => roomItem(app, room),
  );
  const filter = field({
    label: t("chats.filter"),
    type: "search",
    testId: "search-input",
    onInput: () => draw(),
  });
  filter.el.classList.add("chat-filter");
  filter.input.placeholder = t("chats.filter");
  const nothing = h("p", { class: "muted small nothing", role: "status" });
  const waiting = skeleton({ rows: 6 });
  const welcome = h(
    "section",
    { class: "chats-welcome" },
    h("h2", null, t("chats.empty_title")),
    h("p", { class: "muted" }, t("chats.empty_text")),
    add.el,
    mine.el,
  );
  const newRoom = button({
    label: t("chats.new"),
    icon: "plus",
    iconOnly: true,
    kind: "quiet",
    testId: "new-room",
    onClick: () => openNewRoom(app),
  });
  const el = h(
    "div",
    { class: "chat-list" },
    h("header", { class: "pane-head" }, h("h1", null, t("nav.chats")), newRoom.el),
    h("div", { class: "pane-body" }, requests.el, filter.el, waiting, nothing, items, welcome),
  );
  /** @type {ChatListModel} */
  let model = { rooms: null, people: null, me: null, open: null };

  function draw() {
    const { rooms: all, people, me, open } = model;
    const wanted = plain(filter.value());
    const shown = (all ?? []).filter((room) => plain(room.peer.displayName).includes(wanted));
    requests.update(people);
    rooms.update(shown.map((room) => ({ room, open: room.id === open })));
    if (me !== null) mine.update(me);
    waiting.hidden = all !== null;
    welcome.hidden = all === null || all.length > 0;
    filter.el.hidden = all === null || all.length === 0;
    nothing.hidden = shown.length > 0 || filter.el.hidden;
    nothing.textContent = nothing.hidden ? "" : t("chats.nothing_found", { query: filter.value() });
  }

  items.addEventListener("keydown", (event) => moveFocus(items, event));

  return {
    el,
    update(next) {
      model = next;
      draw();
    },
    destroy() {
      for (const part of [rooms, requests, add, mine]) part.destroy();
    },
  };
}

/**
 * Letters as one types them in a hurry: without case and without marks ("nguyen" finds Nguyễn, "duc" finds Đức).
 * @param {string} text
 */
function plain(text) {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/đ/giu, "d")
    .toLocaleLowerCase()
    .trim();
}

/**
 * @param {HTMLElement} list
 * @param {KeyboardEvent} event
 */
function moveFocus(list, event) {
  const links = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a")]);
  const at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined || to < 0 || to >= links.length) return;
  event.preventDefault();
  links[to]?.focus();
}
