/** @import { AccountScreen, App } from "./types.js" */
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { accountFrame, brand } from "./account-frame.js";

/**
 * One sentence, two ways in, and a small drawing of what the server gets to see.
 * @param {App} app
 * @returns {AccountScreen}
 */
export function welcome(app) {
  const { session } = app.store.get();
  const reason = session.phase === "welcome" ? session.reason : null;
  const el = h(
    "div",
    { class: "welcome" },
    accountFrame({
      title: t("welcome.title"),
      text: t("welcome.text"),
      body: [
        reason !== null && h("p", { class: "notice", role: "status" }, t(`signed_out.${reason}`)),
        h(
          "div",
          { class: "ways" },
          wayIn(app, "sign-up", "primary", t("welcome.sign_up")),
          wayIn(app, "log-in", "secondary", t("welcome.log_in")),
        ),
        languageLink(app),
      ],
    }),
    figure(),
  );
  el.querySelector(".column > header")?.append(brand());
  return { el, destroy() {} };
}

/**
 * @param {App} app
 * @param {string} route
 * @param {string} kind
 * @param {string} label
 */
function wayIn(app, route, kind, label) {
  return h("a", { class: "button", "data-kind": kind, href: app.router.href(route) }, label);
}

/** @param {App} app */
function languageLink(app) {
  const other = t("language.other_code") === "vi" ? "vi" : "en";
  return h(
    "button",
    {
      class: "language",
      type: "button",
      lang: other,
      on: { click: () => void app.setAppearance({ locale: other }) },
    },
    icon("globe", { size: "small" }),
    t("language.other_name"),
  );
}

/** The same three lines as two people see them and as the server does. Decoration: the text says it in words. */
function figure() {
  const lines = ["welcome.line_1", "welcome.line_2", "welcome.line_3"];
  return h(
    "figure",
    { class: "welcome-figure", "aria-hidden": "true" },
    h(
      "div",
      { class: "side" },
      h("figcaption", null, icon("people", { size: "small" }), t("welcome.you_see")),
      ...lines.map((key, index) => h("p", { class: "line", "data-mine": index === 1 }, t(key))),
    ),
    h(
      "div",
      { class: "side is-sealed" },
      h("figcaption", null, icon("lock", { size: "small" }), t("welcome.server_sees")),
      ...lines.map((key, index) =>
        h("p", { class: "line", "data-mine": index === 1 }, sealed(t(key), index)),
      ),
    ),
  );
}

/**
 * Something that looks as sealed text does; not encryption, and not reversible either.
 * @param {string} text
 * @param {number} seed
 */
function sealed(text, seed) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  let state = seed + 7;
  return Array.from(text, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return alphabet[(state >>> 16) % alphabet.length];
  }).join("");
}
