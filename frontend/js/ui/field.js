/** @import { Component } from "./dom.js" */
import { h, setAttribute, setText } from "./dom.js";
import { button } from "./button.js";
import { t } from "./i18n.js";

/**
 * @typedef {object} FieldOptions
 * @property {string} label
 * @property {"text" | "email" | "password" | "search"} [type] password gets a Show button
 * @property {string} [hint] stays below the input; an error takes its place
 * @property {string} [autocomplete] the token that password managers know
 * @property {string} [testId]
 * @property {string} [value]
 * @property {number} [maxLength] UTF-16 units
 * @property {boolean} [code] monospace, no spelling help, for codes that are compared letter by letter
 * @property {"text" | "email" | "numeric"} [inputMode]
 * @property {(value: string) => void} [onInput]
 */
/** @typedef {{ error?: string | null, disabled?: boolean }} FieldModel */

let count = 0;

/**
 * A labelled input whose hint and error are announced with it.
 * @param {FieldOptions} options
 * @returns {Component<FieldModel> & { input: HTMLInputElement, value: () => string }}
 */
export function field(options) {
  const id = `field-${++count}`;
  const note = h("p", { class: "note", id: `${id}-note` }, options.hint ?? "");
  const input = fieldInput(id, options);
  const el = h(
    "div",
    { class: "field" },
    h("label", { for: id }, options.label),
    h("div", { class: "control" }, input, options.type === "password" ? revealButton(input) : null),
    note,
  );

  /** @param {string | null | undefined} error */
  function showError(error) {
    const failed = error !== null && error !== undefined && error !== "";
    setAttribute(input, "aria-invalid", failed ? "true" : null);
    setText(note, failed ? error : (options.hint ?? ""));
  }
  input.addEventListener("input", () => {
    showError(null);
    options.onInput?.(input.value);
  });

  return {
    el,
    input,
    value: () => input.value,
    update({ error, disabled = false }) {
      showError(error);
      input.readOnly = disabled;
    },
    destroy() {
      input.value = "";
    },
  };
}

/**
 * @param {string} id
 * @param {FieldOptions} options
 */
function fieldInput(id, options) {
  const literal = options.code || options.type === "password" || options.type === "email";
  const input = h("input", {
    id,
    type: options.type ?? "text",
    autocomplete: options.autocomplete ?? "off",
    autocapitalize: literal ? "none" : null,
    spellcheck: literal ? "false" : null,
    inputmode: options.inputMode,
    maxlength: options.maxLength,
    dir: literal ? "ltr" : "auto",
    class: options.code ? "is-code" : null,
    "aria-describedby": `${id}-note`,
    "data-testid": options.testId,
  });
  input.value = options.value ?? "";
  return input;
}

/** @param {HTMLInputElement} input */
function revealButton(input) {
  const reveal = button({
    label: t("field.show_password"),
    kind: "quiet",
    icon: "eye",
    iconOnly: true,
    onClick: () => {
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      reveal.update({ pressed: shown });
    },
  });
  reveal.update({ pressed: false });
  return reveal.el;
}
