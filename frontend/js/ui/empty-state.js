/** @import { Child } from "./dom.js" */
import { h } from "./dom.js";
import { icon } from "./icon.js";

/**
 * Nothing here yet: says what belongs here and how to begin.
 * @param {{ icon: string, title: string, text?: string, body?: Child[] }} options
 * @returns {HTMLElement}
 */
export function emptyState({ icon: name, title, text, body = [] }) {
  return h(
    "div",
    { class: "empty-state" },
    h("span", { class: "mark" }, icon(name, { size: "large" })),
    h("h2", null, title),
    text !== undefined && h("p", { class: "muted" }, text),
    ...body,
  );
}
