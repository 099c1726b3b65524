import { h, setAttribute, setText } from "./dom.js";

/** @typedef {{ value: string, label: string }} SelectOption */

let count = 0;

/**
 * A labelled choice of one among many.
 * @param {object} options
 * @param {string} options.label
 * @param {readonly SelectOption[]} options.options the first one is chosen
 * @param {string} [options.hint] stays below; an error takes its place
 * @param {string} [options.testId]
 * @returns {{ el: HTMLElement, value: () => string, update: (model: { error: string | null }) => void }}
 */
export function select({ label, options, hint = "", testId }) {
  const id = `select-${++count}`;
  const note = h("p", { class: "note", id: `${id}-note` }, hint);
  const input = h(
    "select",
    { id, "aria-describedby": `${id}-note`, "data-testid": testId },
    ...options.map((option) => h("option", { value: option.value }, option.label)),
  );
  /** @param {{ error: string | null }} model */
  function update({ error }) {
    setAttribute(input, "aria-invalid", error === null ? null : "true");
    setText(note, error ?? hint);
  }
  input.addEventListener("change", () => update({ error: null }));
  const el = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("div", { class: "control" }, input),
    note,
  );
  return { el, value: () => input.value, update };
}
