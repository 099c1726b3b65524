import { h } from "./dom.js";

const BETWEEN = " · ";

/**
 * Short facts on one line, "2 files · 34 MB"; where there is no room it is broken between them, not within a date.
 * @param {readonly string[]} parts
 * @returns {HTMLElement}
 */
export function partsLine(parts) {
  const shown = parts.flatMap((part, at) => [
    at > 0 && BETWEEN,
    h("span", { class: "unbroken" }, part),
  ]);
  return h("span", null, ...shown);
}
