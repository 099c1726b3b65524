/**
 * Links in what people write. Text goes in as text and comes out as text nodes and anchors; nothing is parsed as markup.
 */

import { h } from "../ui/dom.js";

/** @typedef {{ text: string, href: string | null }} Piece */

/** Only these ever become a link (S-31): a script address stays what it is, text. */
const LINK = /(?:https?:\/\/|mailto:)[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
/** What a sentence puts behind an address; a closing bracket stays when the address opened it. */
const TRAILING = new Set(".,;:!?…)]}»”’*_~");
/** @type {ReadonlyMap<string, string>} closing → opening */
const BRACKETS = new Map(
  [")(", "][", "}{"].map(([closing = "", opening = ""]) => [closing, opening]),
);

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

/**
 * In one pass, since a message may be nothing but brackets.
 * @param {string} link
 */
function withoutTrailing(link) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const char of link) counts.set(char, (counts.get(char) ?? 0) + 1);
  const count = (/** @type {string} */ char) => counts.get(char) ?? 0;
  let end = link.length;
  for (; end > 0; end -= 1) {
    const last = link.charAt(end - 1);
    const opening = BRACKETS.get(last);
    if (!TRAILING.has(last)) break;
    if (opening !== undefined && count(opening) >= count(last)) break;
    counts.set(last, count(last) - 1);
  }
  return link.slice(0, end);
}

/** @param {string} link */
function isAddress(link) {
  const url = URL.parse ? URL.parse(link) : URL.canParse(link) ? new URL(link) : null;
  if (url === null) return false;
  return url.protocol === "mailto:" ? url.pathname.includes("@") : url.hostname !== "";
}
