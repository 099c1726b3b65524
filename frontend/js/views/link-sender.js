/** @import { LinkContent } from "../session/link-types.js" */
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";

/**
 * Whom a link says it is from, how little that proves, and how to make sure.
 * @param {LinkContent["from"]} from
 * @returns {HTMLElement}
 */
export function linkSender(from) {
  if (from === null) {
    return card("alert", t("link.unsigned"), [h("p", { class: "small" }, t("link.unsigned_text"))]);
  }
  const { name, fingerprint } = from;
  return card("info", t("link.from", { name }), [
    h("p", { class: "small" }, t("link.from_text", { name })),
    h(
      "details",
      null,
      h("summary", { class: "small" }, t("link.compare")),
      h("p", { class: "numbers", dir: "ltr", "data-testid": "link-fingerprint" }, fingerprint),
      h("p", { class: "caption" }, t("link.compare_text", { name })),
    ),
  ]);
}

/**
 * @param {string} mark
 * @param {string} title
 * @param {HTMLElement[]} body
 */
function card(mark, title, body) {
  return h(
    "section",
    { class: "link-sender", "data-testid": "link-sender" },
    icon(mark),
    h("h2", null, title),
    ...body,
  );
}
