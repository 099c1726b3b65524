/**
 * Everything after log-in: the shell and its four destinations. Loaded when somebody is about to be let in, so that the
 * first page stays small.
 */

/** @import { App, Arrangement, Screen } from "./types.js" */
/** @import { PaneName } from "../ui/shell.js" */
import { Disposables } from "../lib/disposables.js";
import { t } from "../ui/i18n.js";
import { shell } from "../ui/shell.js";
import { peopleBy, unreadRooms } from "../state/people.js";
import { newTransfers } from "../state/transfers.js";
import { chatsScreen } from "./chats.js";
import { filesScreen } from "./files.js";
import { peopleScreen } from "./people.js";
import { DESTINATIONS } from "./routes.js";
import { settingsScreen } from "./settings.js";

/** @type {Readonly<Record<string, (app: App) => Screen>>} by destination */
const SCREENS = {
  chats: chatsScreen,
  files: filesScreen,
  people: peopleScreen,
  settings: settingsScreen,
};

/** @type {readonly PaneName[]} */
const PANES = ["list", "main", "details"];

/**
 * @param {App} app
 * @returns {{ el: HTMLElement, routed: () => void, destroy: () => void }} routed: the address has changed
 */
export function inside(app) {
  const undo = new Disposables();
  const frame = shell({
    destinations: [
      { name: "chats", icon: "chats" },
      { name: "files", icon: "file" },
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
   * @param {Arrangement} arrangement
   */
  function draw({ name }, arrangement) {
    const { connection, people, rooms: items, transfers } = app.store.get();
    const badges = {
      chats: unreadRooms(items),
      files: newTransfers(transfers),
      people: peopleBy(people, "incoming").length,
    };
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
  for (const slice of /** @type {const} */ (["connection", "people", "rooms", "transfers"])) {
    undo.add(app.store.subscribe((state) => state[slice], redraw));
  }
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
