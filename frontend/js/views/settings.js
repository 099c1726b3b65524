/** @import { App, Screen } from "./types.js" */
import { Disposables } from "../lib/disposables.js";
import { h, setAttribute } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";
import { devicesSection } from "./devices.js";
import {
  aboutSection,
  appearanceSection,
  privacySection,
  profileSection,
} from "./settings-sections.js";
import { securitySection } from "./security.js";

/** @typedef {{ el: HTMLElement, destroy: () => void }} Section */

/** @type {Readonly<Record<string, { icon: string, create: (app: App) => Section }>>} */
const SECTIONS = Object.freeze({
  profile: { icon: "people", create: profileSection },
  privacy: { icon: "eye", create: privacySection },
  devices: { icon: "computer", create: devicesSection },
  security: { icon: "lock", create: securitySection },
  appearance: { icon: "palette", create: appearanceSection },
  about: { icon: "info", create: aboutSection },
});

const FIRST_SECTION = "profile";

/**
 * The list of sections, and one of them beside it; on a phone one after the other.
 * @param {App} app
 * @returns {Screen}
 */
export function settingsScreen(app) {
  const undo = new Disposables();
  const links = new Map(
    Object.entries(SECTIONS).map(([name, section]) => [name, sectionLink(app, name, section.icon)]),
  );
  const list = h("div", { class: "settings-list" });
  list.append(
    h("header", { class: "pane-head" }, h("h1", null, t("nav.settings"))),
    h(
      "div",
      { class: "pane-body" },
      h("nav", { "aria-label": t("nav.settings") }, ...links.values()),
      logOutButton(app),
    ),
  );
  const main = h("div", { class: "settings-section" });
  /** @type {{ name: string, section: Section } | null} */
  let open = null;

  /** @param {string} name */
  function openSection(name) {
    if (open?.name === name) return;
    open?.section.destroy();
    const section = SECTIONS[name] ?? SECTIONS[FIRST_SECTION];
    if (section === undefined) return;
    open = { name, section: section.create(app) };
    main.replaceChildren(
      h(
        "header",
        { class: "pane-head" },
        backLink(app),
        h("h1", { tabindex: "-1" }, t(`settings.${name}`)),
      ),
      h("div", { class: "pane-body" }, h("div", { class: "column" }, open.section.el)),
    );
    for (const [key, link] of links) setAttribute(link, "aria-current", key === name && "page");
  }

  undo.add(() => open?.section.destroy());
  return {
    panes: { list, main },
    show(route) {
      const asked = route.params["section"] ?? "";
      openSection(Object.hasOwn(SECTIONS, asked) ? asked : FIRST_SECTION);
      return { pane: asked === "" ? "list" : "main", layout: "split", details: false };
    },
    destroy: () => undo.dispose(),
  };
}

/**
 * @param {App} app
 * @param {string} name
 * @param {string} iconName
 */
function sectionLink(app, name, iconName) {
  return h(
    "a",
    { class: "section-link", href: app.router.href("section", { section: name }) },
    icon(iconName),
    h(
      "span",
      { class: "text" },
      h("span", { class: "label" }, t(`settings.${name}`)),
      h("span", { class: "caption muted" }, t(`settings.${name}_line`)),
    ),
    icon("forward", { size: "small" }),
  );
}

/** @param {App} app */
function backLink(app) {
  return h(
    "a",
    {
      class: "button only-narrow",
      "data-kind": "quiet",
      "data-icon-only": true,
      href: app.router.href("settings"),
      title: t("action.back"),
    },
    icon("back"),
    h("span", { class: "visually-hidden" }, t("action.back")),
  );
}

/** @param {App} app */
function logOutButton(app) {
  return h(
    "button",
    {
      class: "section-link is-log-out",
      type: "button",
      "data-testid": "logout",
      on: { click: () => void act(app, "logOut", { everywhere: false }) },
    },
    icon("log-out"),
    h(
      "span",
      { class: "text" },
      h("span", { class: "label" }, t("settings.log_out")),
      h("span", { class: "caption muted" }, t("settings.log_out_line")),
    ),
  );
}
