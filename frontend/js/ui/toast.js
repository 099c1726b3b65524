import { h } from "./dom.js";
import { button } from "./button.js";
import { icon } from "./icon.js";

/** Long enough to read two lines twice, and the time in which an act can be undone. */
const SHOWN_MS = 5000;

/**
 * @typedef {object} Toast
 * @property {string} text what happened; for an error also what was kept and what to do
 * @property {"done" | "error" | "notice"} [kind]
 * @property {{ label: string, onAction: () => void }} [action]
 * @property {() => void} [onGone] called once when it left without its action: the time to do what could be undone
 */

/**
 * One quiet line at a time about the result of the last act. A new one takes the place of the old one. It waits while
 * the reader points at it or has focus in it.
 * @param {{ setTimeout?: typeof globalThis.setTimeout, clearTimeout?: typeof globalThis.clearTimeout }} [clock]
 */
export function toasts(clock = globalThis) {
  const later = clock.setTimeout ?? setTimeout;
  const never = clock.clearTimeout ?? clearTimeout;
  const el = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  /** @type {(() => void) | null} */
  let leave = null;

  /** @param {Toast} toast */
  function show(toast) {
    leave?.();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const row = toastRow(toast, () => end(false));
    const start = () => (timer = later.call(globalThis, () => end(true), SHOWN_MS));
    const wait = () => never.call(globalThis, timer);

    /** @param {boolean} unused */
    function end(unused) {
      if (leave !== leaveThis) return;
      leave = null;
      wait();
      row.remove();
      if (unused) toast.onGone?.();
    }
    const leaveThis = () => end(true);

    leave = leaveThis;
    for (const type of ["pointerenter", "focusin"]) row.addEventListener(type, wait);
    for (const type of ["pointerleave", "focusout"])
      row.addEventListener(type, () => (wait(), start()));
    el.replaceChildren(row);
    start();
  }

  return { el, show, destroy: () => leave?.() };
}

/**
 * @param {Toast} toast
 * @param {() => void} onUsed
 */
function toastRow({ text, kind = "done", action }, onUsed) {
  const names = { done: "check", error: "alert", notice: "info" };
  const undo =
    action &&
    button({
      label: action.label,
      kind: "quiet",
      onClick: () => {
        onUsed();
        action.onAction();
      },
    });
  return h(
    "div",
    { class: "toast", "data-testid": "toast", "data-kind": kind },
    icon(names[kind]),
    h("span", { class: "text" }, text),
    undo?.el,
  );
}
