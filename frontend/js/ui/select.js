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
 * @param {() => void} [options.onChange]
 */
export function select({ label, options, hint = "", testId, onChange }) {
  const id = `select-${++count}`;
  const note = h("p", { class: "note", id: `${id}-note` }, hint);
  const input = h(
    "select",
    { id, "aria-describedby": `${id}-note`, "data-testid": testId },
    ...options.map(optionOf),
  );
  /** @param {{ error: string | null }} model */
  function update({ error }) {
    setAttribute(input, "aria-invalid", error === null ? null : "true");
    setText(note, error ?? hint);
  }
  /** @param {string} value nothing changes when it is not offered */
  function choose(value) {
    if ([...input.options].some((option) => option.value === value)) input.value = value;
  }
  input.addEventListener("change", () => {
    update({ error: null });
    onChange?.();
  });
  const el = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h("div", { class: "control" }, input),
    note,
  );
  return {
    el,
    value: () => input.value,
    update,
    choose,
    /** @param {readonly SelectOption[]} offered what is chosen stays so while it is among them */
    offer(offered) {
      const { value } = input;
      input.replaceChildren(...offered.map(optionOf));
      choose(value);
    },
  };
}

/** @param {SelectOption} option */
function optionOf({ value, label }) {
  return h("option", { value }, label);
}
