/** @import { App, Arrangement, Screen } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { RoomItem } from "../session/types.js" */
/** @import { Route } from "../ui/router.js" */
import { Disposables } from "../lib/disposables.js";
import { emptyState } from "../ui/empty-state.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { chatList } from "./chat-list.js";
import { conversation } from "./conversation.js";
import { openNewRoom } from "./new-room.js";
import { roomDetails } from "./room-details.js";

/**
 * The list of conversations, the one that is open, and, on demand, what there is to know about it.
 * @param {App} app
 * @returns {Screen}
 */
export function chatsScreen(app) {
  const undo = new Disposables();
  const list = chatList(app);
  const main = h("div", { class: "pane-slot" });
  const side = h("div", { class: "pane-slot" });
  const nobody = emptyState({ icon: "chats", title: t("chats.none_open") });
  const open = slot(main, (room) => conversation(app, room), nobody);
  const about = slot(side, (room) => roomDetails(app, room), null);
  /** @type {Route} */
  let route = { name: "chats", params: {} };

  function draw() {
    const { rooms, people, me } = app.store.get();
    const id = route.params["room"] ?? null;
    const room = rooms?.find((each) => each.id === id) ?? null;
    list.update({ rooms, people, me, open: id });
    open.update(room);
    about.update(route.name === "details" ? room : null);
    // The room has ended, here or elsewhere; its address leads nowhere any more.
    if (id !== null && rooms !== null && room === null)
      app.router.go("chats", {}, { replace: true });
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea");
    if (document.querySelector("dialog[open]") !== null) return;
    if (event.key === "k" && (event.ctrlKey || event.metaKey)) openNewRoom(app);
    else if (event.key === "/" && !isTyping) list.el.querySelector("input")?.focus();
    else if (event.key === "Escape" && route.name !== "chats") stepBack();
    else return;
    event.preventDefault();
  }

  function stepBack() {
    const room = route.params["room"] ?? "";
    if (route.name === "details") app.router.go("room", { room });
    else app.router.go("chats");
  }

  for (const part of /** @type {const} */ (["rooms", "people", "me"])) {
    undo.add(app.store.subscribe((state) => state[part], draw));
  }
  undo.listen(document, "keydown", keyed);
  for (const part of [list, open, about]) undo.add(part.destroy);

  return {
    panes: { list: list.el, main, details: side },
    show(next) {
      route = next;
      draw();
      return arrangement(next);
    },
    destroy: () => undo.dispose(),
  };
}

/**
 * @param {Route} route
 * @returns {Arrangement}
 */
function arrangement({ name }) {
  const pane = name === "details" ? "details" : name === "room" ? "main" : "list";
  return { pane, layout: "split", details: name === "details" };
}

/**
 * A place for one room's component: made anew when the room is another one, updated while it is the same.
 * @param {HTMLElement} el
 * @param {(room: RoomItem) => Component<RoomItem>} create
 * @param {HTMLElement | null} otherwise
 * @returns {{ update: (room: RoomItem | null) => void, destroy: () => void }}
 */
function slot(el, create, otherwise) {
  /** @type {{ id: string, part: Component<RoomItem> } | null} */
  let held = null;

  function leave() {
    const left = held;
    held = null;
    left?.part.destroy();
    el.replaceChildren(...(otherwise === null ? [] : [otherwise]));
  }
  leave();
  return {
    update(room) {
      if (held !== null && held.id !== room?.id) leave();
      if (room === null) return;
      if (held === null) {
        held = { id: room.id, part: create(room) };
        el.replaceChildren(held.part.el);
      }
      held.part.update(room);
    },
    destroy: leave,
  };
}
