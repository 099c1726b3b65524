/**
 * Links in what people write. Text goes in as text and comes out as text nodes and anchors; nothing is parsed as markup.
 */

import { h } from "../ui/dom.js";

/** @typedef {{ text: string, href: string | null }} Piece */

/** Only these ever become a link (S-31): a script address stays what it is, text. */
const LINK = /(?:https?:\/\/|mailto:)[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
/** What a sentence puts behind an address; a closing bracket stays when the address opened it. */
const TRAILING = /[.,;:!?…)\]}»”’*_~]+$/u;
const PAIRS = Object.freeze({ ")": "(", "]": "[", "}": "{" });

/**
 * @param {string} text
 * @returns {Piece[]} in order; the texts joined are the given text
 */
export function splitLinks(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    const link = withoutTrailing(match[0]);
    if (!isAddress(link)) continue;
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), href: null });
    pieces.push({ text: link, href: link });
    at = match.index + link.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), href: null });
  return pieces;
}

/**
 * @param {string} text
 * @returns {Node[]}
 */
export function linkText(text) {
  return splitLinks(text).map(({ text: piece, href }) =>
    href === null
      ? document.createTextNode(piece)
      : h("a", { href, target: "_blank", rel: "noopener noreferrer", dir: "ltr" }, piece),
  );
}

/** @param {string} link */
function withoutTrailing(link) {
  let shown = link;
  for (;;) {
    const tail = TRAILING.exec(shown)?.[0];
    if (tail === undefined) return shown;
    const last = /** @type {keyof typeof PAIRS} */ (shown.at(-1));
    const opening = PAIRS[last];
    if (opening !== undefined && count(shown, opening) >= count(shown, last)) return shown;
    shown = shown.slice(0, -1);
  }
}

/**
 * @param {string} text
 * @param {string} char
 */
function count(text, char) {
  return text.split(char).length - 1;
}

/** @param {string} link */
function isAddress(link) {
  const url = URL.parse ? URL.parse(link) : URL.canParse(link) ? new URL(link) : null;
  if (url === null) return false;
  return url.protocol === "mailto:" ? url.pathname.includes("@") : url.hostname !== "";
}
