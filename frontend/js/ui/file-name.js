/** @import { Component } from "./dom.js" */
import { h, setAttribute, setText } from "./dom.js";

/** A name up to this length stands as it is, in characters. */
const SHORT_CHARS = 16;
/** Before the point, so that "part 2.pdf" and "part 3.pdf" can be told from each other. */
const BEFORE_POINT_CHARS = 3;
const TAIL_CHARS = 9;

/**
 * The name of a file on one line. Where there is no room for all of it, its middle is left out: what it ends in says what
 * the file is, and what sets it apart from its neighbours.
 * @returns {Component<string>}
 */
export function fileNameLine() {
  const head = h("span", { class: "head" });
  const tail = h("span", { class: "tail" });
  const el = h("span", { class: "file-name", dir: "auto" }, head, tail);
  return {
    el,
    update(name) {
      const [before, end] = splitName(name);
      setText(head, before);
      setText(tail, end);
      setAttribute(el, "title", name);
    },
    destroy() {},
  };
}

/**
 * @param {string} name
 * @returns {[head: string, tail: string]} together the name; the tail is "" when the name is short
 */
export function splitName(name) {
  const chars = [...name];
  if (chars.length <= SHORT_CHARS) return [name, ""];
  const afterPoint = chars.length - chars.lastIndexOf(".");
  const wanted = afterPoint + BEFORE_POINT_CHARS;
  let at = chars.length - (wanted > TAIL_CHARS ? TAIL_CHARS : wanted);
  // A mark stays with its letter.
  while (at > 0 && /^[\p{M}\u200d]/u.test(chars[at] ?? "")) at -= 1;
  return [chars.slice(0, at).join(""), chars.slice(at).join("")];
}
