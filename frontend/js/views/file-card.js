import { h } from "../ui/dom.js";
import { formatBytes } from "../ui/format.js";
import { icon } from "../ui/icon.js";

/**
 * A file by its name and size.
 * @param {File} file
 * @returns {HTMLElement}
 */
export function fileCard(file) {
  return h(
    "div",
    { class: "file-card" },
    icon("file"),
    h("span", { class: "truncate", dir: "auto", title: file.name }, file.name),
    h("span", { class: "caption muted" }, formatBytes(file.size)),
  );
}
