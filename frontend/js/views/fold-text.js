/** Longer texts are folded: one message must not cost a frame, nor push the conversation off the screen (S-34). */
export const FOLDED_CHARS = 3000;
export const FOLDED_LINES = 40;

/**
 * @param {string} text
 * @returns {string} its beginning, or the text itself when it is short enough
 */
export function foldText(text) {
  let end = Math.min(text.length, FOLDED_CHARS);
  for (let line = 0, at = -1; line < FOLDED_LINES; line += 1) {
    at = text.indexOf("\n", at + 1);
    if (at < 0 || at >= end) break;
    if (line === FOLDED_LINES - 1) end = at;
  }
  if (end === text.length) return text;
  // Half of a surrogate pair is no character.
  const isHalf = /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
  return text.slice(0, isHalf ? end - 1 : end);
}
