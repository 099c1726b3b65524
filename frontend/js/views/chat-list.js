/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { Me, People, Person, RoomItem } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { skeleton } from "../ui/skeleton.js";
import { peopleBy } from "../state/people.js";
import { addContactForm } from "./add-contact-form.js";
import { contactRequests } from "./contact-requests.js";
import { plainText } from "./find-text.js";
import { friendCodeCard } from "./friend-code-card.js";
import { moveFocus } from "./move-focus.js";
import { openNewRoom } from "./new-room.js";
import { personChoice } from "./person-choice.js";
import { roomItem } from "./room-item.js";

/**
 * @typedef {object} ChatListModel
 * @property {RoomItem[] | null} rooms
 * @property {People | null} people
 * @property {Me | null} me
 * @property {string | null} open the room beside the list
 */
/**
 * @typedef {Component<ChatListModel> & {
 *   focusFilter: () => void,
 *   focusRoom: (room: string) => void,
 * }} ChatList
 */

/**
 * All conversations, those who ask to talk, and, while there is nobody, how to find each other.
 * @param {App} app
 * @returns {ChatList}
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
  const others = h("ul", { class: "choose-person" });
  const contacts = keyedList(
    others,
    (/** @type {Person} */ person) => person.id,
    (person) => personChoice(app, person, clearFilter),
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
  const alsoContacts = h("section", null, h("h2", { class: "also" }, t("people.contacts")), others);
  const newRoom = button({
    label: t("chats.new"),
    icon: "plus",
    iconOnly: true,
    kind: "quiet",
    testId: "new-room",
    onClick: () => openNewRoom(app),
  });
  const body = h(
    "div",
    { class: "pane-body" },
    requests.el,
    filter.el,
    waiting,
    nothing,
    items,
    alsoContacts,
    welcome,
  );
  const el = h(
    "div",
    { class: "chat-list" },
    h("header", { class: "pane-head" }, h("h1", null, t("nav.chats")), newRoom.el),
    body,
  );
  /** @type {ChatListModel} */
  let model = { rooms: null, people: null, me: null, open: null };

  function draw() {
    const { rooms: all, people, me, open } = model;
    const wanted = plainText(filter.value());
    const fits = (/** @type {Person} */ { displayName }) => plainText(displayName).includes(wanted);
    const shown = (all ?? []).filter(({ peer }) => fits(peer));
    const talking = new Set(all?.map(({ peer }) => peer.id));
    const found = peopleBy(people, "accepted").filter((one) => fits(one) && !talking.has(one.id));
    requests.update(people);
    rooms.update(shown.map((room) => ({ room, open: room.id === open })));
    contacts.update(wanted === "" ? [] : found);
    if (me !== null) mine.update(me);
    waiting.hidden = all !== null;
    welcome.hidden = all === null || all.length > 0;
    filter.el.hidden = all === null || all.length === 0;
    alsoContacts.hidden = wanted === "" || found.length === 0;
    nothing.hidden = shown.length > 0 || filter.el.hidden || !alsoContacts.hidden;
    nothing.textContent = nothing.hidden ? "" : t("chats.nothing_found", { query: filter.value() });
  }

  function clearFilter() {
    filter.input.value = "";
    draw();
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const isFilter = event.target === filter.input;
    if (isFilter && event.isComposing) return;
    if (isFilter && event.key === "Escape" && filter.value() !== "") {
      clearFilter();
      event.preventDefault();
    } else if (isFilter && event.key === "Enter") {
      /** @type {HTMLElement | null} */
      const best = body.querySelector(".room-list a, .choose-person button");
      best?.click();
      clearFilter();
    } else if (!isFilter || event.key === "ArrowDown") moveFocus(items, event);
  }
  body.addEventListener("keydown", keyed);

  return {
    el,
    update(next) {
      model = next;
      draw();
    },
    focusFilter: () => filter.input.focus(),
    focusRoom(room) {
      /** @type {HTMLElement | null} */
      const link = items.querySelector(`[data-room="${CSS.escape(room)}"]`);
      link?.focus();
    },
    destroy() {
      for (const part of [rooms, contacts, requests, add, mine]) part.destroy();
    },
  };
}
