/** @import { Child } from "../ui/dom.js" */
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { progressSteps } from "../ui/progress-steps.js";

/**
 * The quiet page around every screen before the conversations: one column, one question.
 * @param {object} options
 * @param {string} options.title
 * @param {Child} [options.text] a sentence that says what this step is for
 * @param {number} [options.step] of the three of signing up
 * @param {{ label: string, href?: string, onClick?: () => void }} [options.back]
 * @param {Child[]} options.body
 * @returns {HTMLElement}
 */
export function accountFrame({ title, text, step, back, body }) {
  const heading = h("h1", { tabindex: "-1" }, title);
  return h(
    "main",
    { class: "account-frame" },
    h(
      "div",
      { class: "column" },
      h(
        "header",
        null,
        back && backLink(back),
        step === undefined ? null : progressSteps({ step, of: 3 }),
      ),
      h("div", { class: "intro" }, heading, text !== undefined && h("p", { class: "muted" }, text)),
      ...body,
    ),
  );
}

/** @param {{ label: string, href?: string, onClick?: () => void }} back */
function backLink({ label, href, onClick }) {
  const inside = [icon("back"), h("span", { class: "visually-hidden" }, label)];
  const props = { class: "button", "data-kind": "quiet", "data-icon-only": true, title: label };
  if (href !== undefined) return h("a", { ...props, href }, ...inside);
  return h("button", { ...props, type: "button", on: { click: () => onClick?.() } }, ...inside);
}

/**
 * The name and mark of the product.
 * @returns {HTMLElement}
 */
export function brand() {
  return h("p", { class: "brand" }, icon("seal"), h("span", null, t("app.name")));
}
