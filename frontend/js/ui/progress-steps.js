import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * "2/3" and a line that fills: where one is in a few short steps.
 * @param {{ step: number, of: number }} options
 * @returns {HTMLElement}
 */
export function progressSteps({ step, of }) {
  return h(
    "div",
    { class: "progress-steps" },
    h("span", { class: "visually-hidden" }, t("progress.step", { step, of })),
    h("span", { class: "count", "aria-hidden": "true" }, `${step}/${of}`),
    h(
      "span",
      { class: "bars", "aria-hidden": "true" },
      ...Array.from({ length: of }, (_, index) => h("span", { "data-done": index < step })),
    ),
  );
}
