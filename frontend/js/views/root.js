/**
 * The whole page: which screen belongs to the session and the address, and swapping them.
 */

/** @import { AccountScreen, App, Screen } from "./types.js" */
/** @import { PaneName } from "../ui/shell.js" */
/** @import { Session } from "../state/session.js" */
import { Disposables } from "../lib/disposables.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { shell } from "../ui/shell.js";
import { peopleBy, unreadRooms } from "../state/people.js";
import { chatsScreen } from "./chats.js";
import { codeScreen } from "./code-screen.js";
import { forgotPassword, resetPassword } from "./forgot-password.js";
import { halted, starting } from "./halted.js";
import { logIn } from "./log-in.js";
import { peopleScreen } from "./people.js";
import { recovery } from "./recovery.js";
import { DESTINATIONS } from "./routes.js";
import { settingsScreen } from "./settings.js";
import { signUp } from "./sign-up.js";
import { unlock } from "./unlock.js";
import { welcome } from "./welcome.js";

/** @type {Readonly<Record<string, (app: App) => AccountScreen>>} by route name */
const DOORS = { welcome, "sign-up": signUp, "log-in": logIn, "forgot-password": forgotPassword };

/** @type {Readonly<Record<string, (app: App) => Screen>>} by destination */
const SCREENS = { chats: chatsScreen, people: peopleScreen, settings: settingsScreen };

/** @type {readonly PaneName[]} */
const PANES = ["list", "main", "details"];

/**
 * @param {App} app
 * @returns {{ el: HTMLElement, routed: () => void, destroy: () => void }} routed: the address has changed
 */
export function root(app) {
  const el = h("div", { class: "root" });
  /** @type {{ session: Session | null, part: { el: HTMLElement, routed: () => void, destroy: () => void } | null }} */
  const shown = { session: null, part: null };

  /** @param {Session} session */
  function enter(session) {
    shown.part?.destroy();
    shown.session = session;
    shown.part = session.phase === "ready" ? rooms(app) : doors(app, session);
    el.replaceChildren(shown.part.el);
    shown.part.routed();
  }
  const dispose = app.store.subscribe(
    (state) => state.session,
    (session) => {
      const before = shown.session;
      // A code that was sent again changes the countdown only; what has been typed stays.
      if (before?.phase === "code" && session.phase === "code") return;
      enter(session);
    },
  );
  return {
    el,
    routed: () => shown.part?.routed(),
    destroy() {
      dispose();
      shown.part?.destroy();
    },
  };
}

/**
 * The screens before log-in. While the engine waits for something, the address has no say.
 * @param {App} app
 * @param {Session} session
 */
function doors(app, session) {
  const el = h("div", { class: "doors" });
  /** @type {AccountScreen | null} */
  let screen = null;
  let route = "";

  /** @returns {(app: App) => AccountScreen} */
  function wanted() {
    switch (session.phase) {
      case "starting":
        return starting;
      case "broken":
      case "unsupported":
        return () => halted(session);
      case "code": {
        const { flow, email } = session;
        if (flow === "forgot-password") return (given) => resetPassword(given, { email });
        return (given) => codeScreen(given, { email, flow });
      }
      case "recovery":
        return (given) => recovery(given, session);
      case "unlock":
        return unlock;
      case "ready":
      case "welcome":
      case "expired":
        return DOORS[route] ?? (session.phase === "expired" ? logIn : welcome);
    }
  }

  function routed() {
    const next = app.router.current()?.name ?? "";
    if (screen !== null && next === route) return;
    route = next;
    screen?.destroy();
    screen = wanted()(app);
    el.replaceChildren(screen.el);
    document.title = t("app.name");
    focusFirst(el);
  }
  return { el, routed, destroy: () => screen?.destroy() };
}

/**
 * The shell with its three destinations.
 * @param {App} app
 */
function rooms(app) {
  const undo = new Disposables();
  const frame = shell({
    destinations: [
      { name: "chats", icon: "chats" },
      { name: "people", icon: "people" },
      { name: "settings", icon: "settings", testId: "settings-open" },
    ].map((place) => ({
      ...place,
      href: app.router.href(place.name),
      label: t(`nav.${place.name}`),
    })),
  });
  /** @type {{ name: string, screen: Screen } | null} */
  let open = null;

  function routed() {
    const route = app.router.current();
    const name = DESTINATIONS[route?.name ?? ""];
    if (route === null || name === undefined) return app.router.go("chats", {}, { replace: true });
    if (open?.name !== name) {
      open?.screen.destroy();
      open = { name, screen: /** @type {(app: App) => Screen} */ (SCREENS[name])(app) };
      for (const pane of PANES) frame.panes[pane].replaceChildren(...children(open.screen, pane));
    }
    draw(open, open.screen.show(route));
  }

  /**
   * @param {{ name: string }} place
   * @param {import("./types.js").Arrangement} arrangement
   */
  function draw({ name }, arrangement) {
    const { connection, people, rooms: items } = app.store.get();
    const badges = { chats: unreadRooms(items), people: peopleBy(people, "incoming").length };
    frame.update({ active: name, ...arrangement, connection, badges });
    document.title = title(name, badges.chats);
  }
  function redraw() {
    const route = app.router.current();
    if (open !== null && route !== null && DESTINATIONS[route.name] === open.name) {
      draw(open, open.screen.show(route));
    }
  }
  undo.add(() => open?.screen.destroy());
  undo.add(frame.destroy);
  undo.add(app.store.subscribe((state) => state.connection, redraw));
  undo.add(app.store.subscribe((state) => state.people, redraw));
  undo.add(app.store.subscribe((state) => state.rooms, redraw));
  return { el: frame.el, routed, destroy: () => undo.dispose() };
}

/**
 * @param {Screen} screen
 * @param {PaneName} pane
 */
function children(screen, pane) {
  const el = screen.panes[pane];
  return el === undefined ? [] : [el];
}

/**
 * @param {string} destination
 * @param {number} unread
 */
function title(destination, unread) {
  const place = `${t(`nav.${destination}`)} · ${t("app.name")}`;
  return unread > 0 ? `(${unread}) ${place}` : place;
}

/**
 * The first thing to fill in, or else the heading, so that a screen reader begins where the eye does.
 * @param {HTMLElement} el
 */
function focusFirst(el) {
  const empty = [...el.querySelectorAll("input")].find((input) => input.value === "");
  /** @type {HTMLElement | null} */
  const target = empty ?? el.querySelector("h1");
  target?.focus({ preventScroll: true });
}
