/** @import { Child } from "./dom.js" */
import { h } from "./dom.js";
import { button } from "./button.js";
import { t } from "./i18n.js";

// WebKit does not know closedby, and a phone has no Esc.
const closesOutside = "closedBy" in HTMLDialogElement.prototype;

let count = 0;

/**
 * A modal dialog; on a phone a sheet from below. The browser keeps focus inside and gives it back afterwards.
 * @param {object} options
 * @param {string} options.title
 * @param {Child[]} options.body
 * @param {HTMLElement[]} [options.actions] the last one is the main one
 * @param {boolean} [options.dismissible] false: Esc and a click outside do nothing, an action must be chosen
 * @param {() => void} [options.onClose] called once, however it closed
 * @returns {{ el: HTMLDialogElement, close: () => void }}
 */
export function openDialog({ title, body, actions = [], dismissible = true, onClose }) {
  const id = `dialog-${++count}`;
  const heading = h("h2", { id }, title);
  const el = h(
    "dialog",
    { class: "dialog", "aria-labelledby": id, closedby: dismissible ? "any" : "none" },
    h("div", { class: "content" }, heading, ...body),
    actions.length > 0 && h("div", { class: "actions" }, ...actions),
  );
  el.addEventListener("cancel", (event) => {
    if (!dismissible) event.preventDefault();
  });
  if (dismissible && !closesOutside) closeOutside(el);
  el.addEventListener("close", () => {
    el.remove();
    onClose?.();
  });
  document.body.append(el);
  el.showModal();
  return { el, close: () => el.close() };
}

/**
 * Close a dialog by a click on what is behind it, which is the dialog's too. It has to begin there: who selects
 * text may let go anywhere.
 * @param {HTMLDialogElement} el
 */
function closeOutside(el) {
  const isOutside = (/** @type {MouseEvent} */ { target, clientX, clientY }) => {
    const { left, right, top, bottom } = el.getBoundingClientRect();
    const isBeside = clientX < left || clientX > right || clientY < top || clientY > bottom;
    return target === el && isBeside;
  };
  let began = false;
  el.addEventListener("pointerdown", (event) => {
    began = isOutside(event);
  });
  el.addEventListener("click", (event) => {
    if (began && isOutside(event)) el.close();
  });
}

/**
 * Ask once before something that cannot be undone.
 * @param {{ title: string, text: string, confirm: string, dismiss?: string, danger?: boolean, testId?: string }} options
 *   dismiss: what leaves everything as it is, where "Cancel" would be misread
 * @returns {Promise<boolean>} false when dismissed in any way
 */
export function confirmDialog({ title, text, confirm, dismiss, danger = false, testId }) {
  return new Promise((resolve) => {
    let answer = false;
    const no = button({ label: dismiss ?? t("action.cancel"), onClick: () => dialog.close() });
    const yes = button({
      label: confirm,
      kind: danger ? "danger" : "primary",
      ...(testId === undefined ? {} : { testId }),
      onClick: () => {
        answer = true;
        dialog.close();
      },
    });
    const dialog = openDialog({
      title,
      body: [h("p", null, text)],
      actions: [no.el, yes.el],
      onClose: () => resolve(answer),
    });
  });
}
