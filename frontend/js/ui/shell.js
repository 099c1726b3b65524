/**
 * The frame around every screen after log-in: navigation, and up to three panes (css/layout.css). On a phone one pane
 * is shown at a time; from 900 px the list, the main pane and, on demand, the details stand side by side.
 */

/** @import { Component } from "./dom.js" */
import { h, setAttribute, setText } from "./dom.js";
import { connectionBanner } from "./banner.js";
import { icon } from "./icon.js";
import { t } from "./i18n.js";
import { resizer } from "./resizer.js";

/** The largest scale of a page that nobody has zoomed in: browsers round. */
const UNZOOMED = 1.01;

/** @typedef {"list" | "main" | "details"} PaneName */
/** @typedef {{ name: string, href: string, icon: string, label: string, testId?: string }} Destination */
/**
 * @typedef {object} ShellModel
 * @property {string} active name of the destination one is in
 * @property {PaneName} pane what a phone shows
 * @property {"split" | "page"} layout page: one wide pane, "main", without a list beside it
 * @property {boolean} details whether the details pane is open on a wide screen
 * @property {import("./banner.js").Connection} connection
 * @property {Record<string, number>} badges destination name → count, 0 shows none
 */

/**
 * @param {{ destinations: readonly Destination[] }} options
 * @returns {Component<ShellModel> & { panes: Record<PaneName, HTMLElement> }} fill a pane with `replaceChildren`
 */
export function shell({ destinations }) {
  const banner = connectionBanner();
  const links = new Map(
    destinations.map((destination) => [destination.name, navLink(destination)]),
  );
  const panes = {
    list: h("section", { class: "pane is-list", "aria-label": t("pane.list") }),
    main: h("main", { class: "pane is-main", tabindex: "-1" }),
    details: h("aside", { class: "pane is-details", "aria-label": t("pane.details") }),
  };
  const el = h("div", { class: "shell" });
  const listResizer = resizer({ target: el });
  const leaveRoom = makeRoomForKeyboard();
  el.append(
    h("div", { class: "banner-slot" }, banner.el),
    h(
      "nav",
      { class: "nav", "aria-label": t("nav.label") },
      ...[...links.values()].map((link) => link.el),
    ),
    panes.list,
    listResizer.el,
    panes.main,
    panes.details,
  );

  return {
    el,
    panes,
    update(model) {
      el.dataset["active"] = model.active;
      el.dataset["pane"] = model.pane;
      el.dataset["layout"] = model.layout;
      setAttribute(el, "data-details", model.details ? "open" : null);
      banner.update(model.connection);
      for (const [name, link] of links) {
        link.update({ active: name === model.active, badge: model.badges[name] ?? 0 });
      }
    },
    destroy() {
      leaveRoom();
      listResizer.destroy();
    },
  };
}

/**
 * Keep in `--visible-height` of the root what the keyboard leaves of the page: browsers that lay it over the page
 * instead of shrinking it tell that only by the visual viewport.
 * @returns {() => void} ends it
 */
function makeRoomForKeyboard() {
  const root = document.documentElement.style;
  const fit = () => {
    // A page that is zoomed in shows less of itself as well, but no keyboard is the reason.
    if (visualViewport === null || visualViewport.scale > UNZOOMED) return;
    root.setProperty("--visible-height", `${visualViewport.height}px`);
    // iOS moves the page up to show the input, which the smaller page shows anyway.
    if (visualViewport.offsetTop > 0) scrollTo(0, 0);
  };
  visualViewport?.addEventListener("resize", fit);
  visualViewport?.addEventListener("scroll", fit);
  return () => {
    visualViewport?.removeEventListener("resize", fit);
    visualViewport?.removeEventListener("scroll", fit);
    root.removeProperty("--visible-height");
  };
}

/**
 * @param {Destination} destination
 * @returns {Component<{ active: boolean, badge: number }>}
 */
function navLink({ href, icon: name, label, testId }) {
  const badge = h("span", { class: "badge", hidden: true });
  const el = h(
    "a",
    { href, "data-testid": testId },
    h("span", { class: "mark" }, icon(name), badge),
    h("span", { class: "label" }, label),
  );
  return {
    el,
    update({ active, badge: count }) {
      setAttribute(el, "aria-current", active ? "page" : null);
      badge.hidden = count === 0;
      setText(badge, count > 99 ? "99+" : String(count));
    },
    destroy() {},
  };
}
