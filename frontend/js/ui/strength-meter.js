/** @import { Component } from "./dom.js" */
import { h, setAttribute, setText } from "./dom.js";
import { t } from "./i18n.js";

const LEVELS = 4;

/** @typedef {{ level: 0 | 1 | 2 | 3 | 4, hint: string } | null} Strength hint: what would make it better, "" when fine */

/**
 * How strong a password is, in a word and a sentence; the bars only repeat it.
 * @returns {Component<Strength>}
 */
export function strengthMeter() {
  const bars = h("div", { class: "bars", "aria-hidden": "true" });
  bars.append(...Array.from({ length: LEVELS }, () => h("span")));
  const word = h("strong");
  const hint = h("span");
  const el = h(
    "div",
    { class: "strength-meter", hidden: true },
    bars,
    h("p", { role: "status", class: "caption" }, word, " ", hint),
  );
  return {
    el,
    update(strength) {
      el.hidden = strength === null;
      if (strength === null) return;
      setAttribute(el, "data-level", strength.level);
      setText(word, t(`strength.${strength.level}`));
      setText(hint, strength.hint);
    },
    destroy() {},
  };
}
