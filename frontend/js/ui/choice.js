import { h } from "./dom.js";

let count = 0;

/**
 * One of a few, all of them visible.
 * @param {object} options
 * @param {string} options.label
 * @param {readonly { value: string, label: string, lang?: string }[]} options.options
 * @param {string} options.value
 * @param {(value: string) => void} options.onChange
 * @returns {HTMLElement}
 */
export function choice({ label, options, value, onChange }) {
  const name = `choice-${++count}`;
  return h(
    "fieldset",
    { class: "choice" },
    h("legend", null, label),
    h(
      "div",
      { class: "options" },
      ...options.map((option) =>
        h(
          "label",
          { lang: option.lang },
          h("input", {
            type: "radio",
            name,
            value: option.value,
            checked: option.value === value,
            on: { change: () => onChange(option.value) },
          }),
          h("span", null, option.label),
        ),
      ),
    ),
  );
}
