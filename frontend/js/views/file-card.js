import { h } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { formatBytes } from "../ui/format.js";
import { icon } from "../ui/icon.js";

/**
 * A file by its name and size.
 * @param {File} file
 * @returns {HTMLElement}
 */
export function fileCard(file) {
  const called = fileNameLine();
  called.update(file.name);
  return h(
    "div",
    { class: "file-card" },
    icon("file"),
    called.el,
    h("span", { class: "caption muted" }, formatBytes(file.size)),
  );
}
