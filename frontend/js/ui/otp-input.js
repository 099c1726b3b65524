import { h, setAttribute, setText } from "./dom.js";

const DIGITS = 6;

/**
 * Six boxes that are one input, so that paste, autofill and screen readers see one code.
 * @param {object} options
 * @param {string} options.label
 * @param {(code: string) => void} [options.onComplete] called when the sixth digit stands
 * @param {() => void} [options.onInput]
 * @returns {{ el: HTMLElement, input: HTMLInputElement, value: () => string, reject: () => void, destroy: () => void }}
 *   reject: say that the code was wrong and empty the boxes
 */
export function otpInput({ label, onComplete, onInput }) {
  const boxes = Array.from({ length: DIGITS }, () => h("span", { class: "box" }));
  const input = h("input", {
    type: "text",
    inputmode: "numeric",
    autocomplete: "one-time-code",
    "aria-label": label,
    "data-testid": "otp-code",
    dir: "ltr",
  });
  const el = h(
    "div",
    { class: "otp-input", dir: "ltr" },
    h("div", { class: "boxes", "aria-hidden": "true" }, ...boxes),
    input,
  );

  function draw() {
    for (const [index, box] of boxes.entries()) {
      setText(box, input.value[index] ?? "");
      setAttribute(box, "data-next", index === Math.min(input.value.length, DIGITS - 1));
    }
  }
  input.addEventListener("input", () => {
    // Without maxlength, so that a pasted "123 456" is not cut before its space is dropped.
    input.value = input.value.replace(/\D/g, "").slice(0, DIGITS);
    setAttribute(input, "aria-invalid", null);
    draw();
    onInput?.();
    if (input.value.length === DIGITS) onComplete?.(input.value);
  });
  // The caret is not drawn; keep it at the end, where the next digit goes.
  input.addEventListener("focus", () => input.setSelectionRange(DIGITS, DIGITS));
  draw();

  return {
    el,
    input,
    value: () => input.value,
    reject() {
      input.value = "";
      setAttribute(input, "aria-invalid", "true");
      draw();
    },
    destroy() {
      input.value = "";
    },
  };
}
