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
 * One quiet line at a time about the result of the last act. A new one takes the place of the old one. It lets clicks
 * through, but for its action, and stays while the reader points at that or has focus in it.
 */
export function toasts() {
  const el = h("div", {
    class: "toasts",
    role: "status",
    "aria-live": "polite",
    popover: "manual",
  });
  const nothing = () => {};
  let leave = nothing;

  /** @param {Toast} toast */
  function show(toast) {
    leave();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const row = toastRow(toast, () => end(true));
    const stay = () => clearTimeout(timer);

    /** @param {boolean} used */
    function end(used) {
      stay();
      row.remove();
      leave = nothing;
      if (!used) toast.onGone?.();
    }
    function count() {
      stay();
      timer = setTimeout(leave, SHOWN_MS);
    }

    leave = () => end(false);
    for (const type of ["pointerover", "focusin"]) row.addEventListener(type, stay);
    for (const type of ["pointerout", "focusout"]) row.addEventListener(type, count);
    el.replaceChildren(row);
    // Shown anew it stands above a dialog that has opened since.
    if (el.matches(":popover-open")) el.hidePopover();
    el.showPopover();
    count();
  }

  return { el, show, destroy: () => leave() };
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
