import { Disposables } from "../lib/disposables.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";

/**
 * Take files that are dropped on an element, and show where they would go.
 * @param {HTMLElement} el gets the target as its last child while files are over it
 * @param {object} options
 * @param {string} [options.text] what would become of them
 * @param {() => boolean} options.canDrop
 * @param {(files: File[]) => void} options.onFiles
 * @returns {() => void} ends it
 */
export function dropTarget(el, { text = t("attachment.drop"), canDrop, onFiles }) {
  const undo = new Disposables();
  const target = h("div", { class: "drop-target" }, icon("attach"), text);

  /** @param {DragEvent} event */
  function dragged(event) {
    if (event.dataTransfer?.types.includes("Files") !== true) return;
    event.preventDefault(); // or the browser would leave the page for the file
    const isOver = event.type !== "drop" && !hasLeft(event);
    if (isOver && canDrop()) el.append(target);
    else target.remove();
    if (event.type === "drop" && canDrop()) onFiles([...event.dataTransfer.files]);
  }

  /** @param {DragEvent} event */
  function hasLeft({ type, relatedTarget }) {
    return type === "dragleave" && !el.contains(/** @type {Node | null} */ (relatedTarget));
  }
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) undo.listen(el, type, dragged);
  undo.add(() => target.remove());
  return () => undo.dispose();
}
