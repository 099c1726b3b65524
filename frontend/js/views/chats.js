/** @import { App, Arrangement, Screen } from "./types.js" */
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

/** Times that pass are drawn anew: what is left of a room, "5 minutes ago", and what was today. */
const REDRAW_MS = 30_000;
/** A room just made may be known by its address before the engine has told of it. */
const UNKNOWN_ROOM_MS = 2000;

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
  let route = { name: "", params: {} };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let unknownTimer;

  function draw() {
    const { rooms, people, me } = app.store.get();
    const id = route.params["room"] ?? null;
    const room = rooms?.find((each) => each.id === id) ?? null;
    const hasEnded = id !== null && rooms !== null && room === null;
    list.update({ rooms, people, me, open: id });
    if (hasEnded && open.id() === id) {
      app.toast({ kind: "notice", text: t("room.ended") });
      leave();
    } else if (hasEnded) unknownTimer ??= setTimeout(leave, UNKNOWN_ROOM_MS);
    else forgive();
    open.update(room);
    about.update(route.name === "details" ? room : null);
  }

  function leave() {
    forgive();
    app.router.go("chats", {}, { replace: true });
  }

  function forgive() {
    clearTimeout(unknownTimer);
    unknownTimer = undefined;
  }

  /**
   * The focus goes where the reader goes; on a touch screen not into the input, which would bring up the keyboard.
   * @param {Route} from
   */
  function follow(from) {
    const pane = { chats: list.el, details: side }[route.name] ?? main;
    // Whoever was quicker is there already.
    if (pane.contains(document.activeElement)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    const room = route.params["room"] ?? "";
    if (route.name === "chats") list.focusRoom(from.params["room"] ?? "");
    else if (route.name === "details") about.part()?.focus();
    else if (matchMedia("(pointer: fine)").matches || from.params["room"] === room) {
      open.part()?.focus(from.name === "details" ? "details" : "input");
    } else open.part()?.focus("name");
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea");
    const isTaken = event.defaultPrevented || event.isComposing;
    if (isTaken || document.querySelector("dialog[open]") !== null) return;
    if (event.key === "k" && (event.ctrlKey || event.metaKey)) openNewRoom(app);
    else if (event.key === "/" && !isTyping) list.focusFilter();
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
  const timer = setInterval(draw, REDRAW_MS);
  undo.add(() => clearInterval(timer));
  undo.add(forgive);
  undo.listen(document, "keydown", keyed);
  for (const part of [list, open, about]) undo.add(part.destroy);

  return {
    panes: { list: list.el, main, details: side },
    show(next) {
      const from = route;
      route = next;
      draw();
      const hasMoved = from.name !== next.name || from.params["room"] !== next.params["room"];
      // After the shell has shown the pane, without which nothing in it can take the focus.
      if (hasMoved && from.name !== "") requestAnimationFrame(() => follow(from));
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
 * @template {{ el: HTMLElement, update: (room: RoomItem) => void, destroy: () => void }} Part
 * @param {HTMLElement} el
 * @param {(room: RoomItem) => Part} create
 * @param {HTMLElement | null} otherwise
 */
function slot(el, create, otherwise) {
  /** @type {{ id: string, part: Part } | null} */
  let held = null;

  function leave() {
    const left = held;
    held = null;
    left?.part.destroy();
    el.replaceChildren(...(otherwise === null ? [] : [otherwise]));
  }
  leave();
  return {
    id: () => held?.id ?? null,
    part: () => held?.part ?? null,
    /** @param {RoomItem | null} room */
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
