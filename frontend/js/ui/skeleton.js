import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Grey rows in the shape of what is being loaded; they appear only after 200 ms (css), so a quick answer shows nothing.
 * @param {{ rows?: number, avatars?: boolean }} [options]
 * @returns {HTMLElement}
 */
export function skeleton({ rows = 4, avatars = true } = {}) {
  return h(
    "div",
    { class: "skeleton", role: "status", "aria-label": t("state.loading") },
    ...Array.from({ length: rows }, () =>
      h(
        "div",
        { class: "row" },
        avatars && h("span", { class: "disc" }),
        h("span", { class: "lines" }),
      ),
    ),
  );
}
