/** @import { Component } from "./dom.js" */
import { h, setAttribute, setText } from "./dom.js";

/** Hues that avatar.css draws; colour follows the id, so a changed name never changes the colour people know. */
const HUES = 10;

/** @typedef {{ userId: string, name: string, presence?: "online" | "away" | "offline" | null }} AvatarModel */

/**
 * Initials on a colour. Decoration: the name always stands beside it, so screen readers skip it.
 * @param {{ size?: "small" | "normal" | "large" }} [options]
 * @returns {Component<AvatarModel>}
 */
export function avatar({ size = "normal" } = {}) {
  const text = h("span", { class: "initials" });
  const el = h("span", { class: "avatar", "data-size": size, "aria-hidden": "true" }, text);
  return {
    el,
    update({ userId, name, presence = null }) {
      setAttribute(el, "data-hue", hueOf(userId));
      setAttribute(el, "data-presence", presence);
      setText(text, initialsOf(name));
    },
    destroy() {},
  };
}

/**
 * The first letters of the first and the last word: in a Vietnamese name the family name and the name one is called by.
 * @param {string} name
 * @returns {string} at most two letters, "" for a name without any
 */
export function initialsOf(name) {
  const words = name
    .trim()
    .split(/\s+/u)
    .filter((word) => /\p{L}|\p{N}/u.test(word));
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => firstLetter(word ?? "")).join("");
}

/**
 * @param {string} userId
 * @returns {number} 0 … HUES − 1
 */
export function hueOf(userId) {
  let hash = 0;
  for (const char of userId) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % HUES;
}

/** @param {string} word */
function firstLetter(word) {
  return (word.normalize("NFC").match(/\p{L}\p{M}{0,2}|\p{N}/u)?.[0] ?? "").toLocaleUpperCase();
}
