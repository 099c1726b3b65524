/** @import { Component } from "./dom.js" */
import { h } from "./dom.js";

let count = 0;

/**
 * A setting that is on or off, with the sentence that says what it does.
 * @param {{ label: string, text: string, onChange: (on: boolean) => void }} options
 * @returns {Component<{ on: boolean, disabled?: boolean }>}
 */
export function switchRow({ label, text, onChange }) {
  const id = `switch-${++count}`;
  const input = h("input", {
    id,
    type: "checkbox",
    role: "switch",
    "aria-describedby": `${id}-text`,
  });
  input.addEventListener("change", () => onChange(input.checked));
  const el = h(
    "div",
    { class: "switch-row" },
    h("label", { for: id }, label),
    input,
    h("p", { id: `${id}-text`, class: "muted small" }, text),
  );
  return {
    el,
    update({ on, disabled = false }) {
      input.checked = on;
      input.disabled = disabled;
    },
    destroy() {},
  };
}
