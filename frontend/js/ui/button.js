/** @import { Component } from "./dom.js" */
import { h, setAttribute, setText } from "./dom.js";
import { icon } from "./icon.js";

/**
 * @typedef {object} ButtonOptions
 * @property {string} label what happens, as a verb
 * @property {"primary" | "secondary" | "quiet" | "danger"} [kind] one primary per screen
 * @property {string} [icon]
 * @property {boolean} [iconOnly] the label is then for screen readers and the tip of the mouse
 * @property {"button" | "submit"} [type]
 * @property {string} [testId]
 * @property {() => void} [onClick]
 */
/** @typedef {{ label?: string, busy?: boolean, disabled?: boolean, pressed?: boolean }} ButtonModel */

/**
 * A button. While `busy` it stays focusable and says so, but does nothing.
 * @param {ButtonOptions} options
 * @returns {Component<ButtonModel> & { el: HTMLButtonElement }}
 */
export function button(options) {
  const { kind = "secondary", type = "button", iconOnly = false } = options;
  const label = h("span", { class: iconOnly ? "visually-hidden" : "label" }, options.label);
  const el = h(
    "button",
    {
      class: "button",
      type,
      title: iconOnly && options.label,
      "data-kind": kind,
      "data-icon-only": iconOnly,
      "data-testid": options.testId,
      on: {
        click: (event) => {
          if (el.ariaDisabled === "true" || el.ariaBusy === "true") event.preventDefault();
          else options.onClick?.();
        },
      },
    },
    options.icon === undefined ? null : icon(options.icon),
    label,
  );

  return {
    el,
    update({ label: text, busy = false, disabled = false, pressed }) {
      if (text !== undefined) setText(label, text);
      setAttribute(el, "aria-busy", busy ? "true" : null);
      // aria-disabled instead of disabled: focus stays where it was while a form is being sent.
      setAttribute(el, "aria-disabled", disabled ? "true" : null);
      if (pressed !== undefined) setAttribute(el, "aria-pressed", String(pressed));
    },
    destroy() {},
  };
}
