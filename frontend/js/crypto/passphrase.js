/**
 * Passwords worth having: six made-up words, and an honest estimate of what a person typed.
 *
 * Words are two of 45 syllables, 2,025 of them: pronounceable in Vietnamese and in English, nobody's
 * list, and 6 × 10.98 = 65 bits a phrase, which Argon2id at half a second a guess puts out of reach.
 */

import { PASSPHRASE_WORDS, PASSWORD_MIN_CHARS } from "./constants.js";
import { randomBytes } from "./primitives.js";

const ONSETS = [..."blmnrstvw"]; // the others make words that should not be suggested to anyone
const VOWELS = [..."aeiou"];
const SYLLABLES = ONSETS.flatMap((onset) => VOWELS.map((vowel) => onset + vowel));

// What a letter run, a digit run or another character is worth to someone who guesses well
const WORD_BITS = 11; // one of the two thousand words that people use
const LETTER_BITS = 1.5; // each letter beyond the fifth of a run
const LETTER_ALONE_BITS = 4.7;
const DIGIT_BITS = 3.3;
const SYMBOL_BITS = 5;
const KNOWN_BITS = 3; // a fragment that every list of guesses begins with
const LEVEL_BITS = [28, 40, 52, 64]; // below the first: level 0

const JUDGED_CHARS = 128; // the search for repetitions is quadratic

const SEQUENCES = [
  "abcdefghijklmnopqrstuvwxyz",
  "qwertyuiop",
  "asdfghjkl",
  "zxcvbnm",
  "0123456789",
];
const COMMON = [
  ..."password passwort matkhau admin welcome letmein login master secret iloveyou anhyeuem".split(
    " ",
  ),
  ..."dragon monkey football baseball sunshine princess superman batman shadow pokemon".split(" "),
  ..."hello freedom whatever trustno1 starwars sealroom vietnam saigon hanoi access hunter".split(
    " ",
  ),
];

/** @typedef {"" | "too_short" | "common" | "personal" | "repeated" | "add_words"} StrengthHint */

/**
 * @typedef {object} Strength
 * @property {0 | 1 | 2 | 3 | 4} level 4 is beyond guessing
 * @property {StrengthHint} hint what would help most, "" when nothing is needed
 */

/**
 * Suggest a passphrase, never one that `estimateStrength` would not call beyond guessing.
 * @returns {string} six words with spaces between
 */
export function makePassphrase() {
  const word = () => drawSyllable() + drawSyllable();
  let phrase = "";
  while (estimateStrength(phrase).level < 4) {
    phrase = Array.from({ length: PASSPHRASE_WORDS }, word).join(" ");
  }
  return phrase;
}

/**
 * Judge a password without any list from elsewhere; errs towards weak.
 * @param {string} password
 * @param {readonly string[]} [personal] address, name: what someone who knows the person tries first
 * @returns {Strength}
 */
export function estimateStrength(password, personal = []) {
  if ([...password].length < PASSWORD_MIN_CHARS) return { level: 0, hint: "too_short" };
  const text = password.normalize("NFC").toLowerCase().slice(0, JUDGED_CHARS);
  const withoutPersonal = blank(text, personal.flatMap(fragments));
  const withoutCommon = blank(withoutPersonal, COMMON);
  const rest = blank(withoutCommon, runs(withoutCommon));
  const bits = bitsOf(rest);
  const level = /** @type {Strength["level"]} */ (
    LEVEL_BITS.filter((bound) => bits >= bound).length
  );
  if (level >= 3) return { level, hint: "" };
  if (withoutPersonal !== text) return { level, hint: "personal" };
  if (withoutCommon !== text) return { level, hint: "common" };
  return { level, hint: rest === text ? "add_words" : "repeated" };
}

/** Uniform, by rejection: 225 is the largest multiple of 45 below 256. */
function drawSyllable() {
  const limit = 256 - (256 % SYLLABLES.length);
  let value = limit;
  while (value >= limit) value = /** @type {number} */ (randomBytes(1)[0]);
  return /** @type {string} */ (SYLLABLES[value % SYLLABLES.length]);
}

/**
 * Put one NUL in place of each occurrence of a fragment.
 * @param {string} text
 * @param {readonly string[]} known
 */
function blank(text, known) {
  return known.reduce((left, fragment) => left.replaceAll(fragment, "\0"), text);
}

/**
 * @param {string} text
 * @returns {string[]} the parts of an address or a name that are long enough to mean something
 */
function fragments(text) {
  const whole = text.normalize("NFC").toLowerCase();
  const parts = whole.split(/[^\p{L}\p{N}]+/u);
  return [whole, ...parts].filter((part) => part.length >= 3).sort((a, b) => b.length - a.length);
}

/**
 * Repetitions (aaa, ababab, abcabc) and rows of the alphabet or the keyboard (qwer, 4321).
 * @param {string} text
 * @returns {string[]} longest first
 */
function runs(text) {
  const repeated = text.match(/(.)\1{2,}|(.{2})\2{2,}|(.{3,})\3+/gu) ?? [];
  const rows = SEQUENCES.flatMap((row) => [row, [...row].reverse().join("")]).flatMap((row) =>
    Array.from({ length: row.length - 3 }, (_, i) => longestOf(text, row.slice(i))),
  );
  const found = [...repeated, ...rows].filter((run) => run.length >= 3 && !run.includes("\0"));
  return found.sort((a, b) => b.length - a.length);
}

/**
 * @param {string} text
 * @param {string} row
 * @returns {string} the longest beginning of the row, from four characters, that the text contains
 */
function longestOf(text, row) {
  let length = row.length;
  while (length >= 4 && !text.includes(row.slice(0, length))) length -= 1;
  return length >= 4 ? row.slice(0, length) : "";
}

/** @param {string} text */
function bitsOf(text) {
  const parts = [...text.matchAll(/\p{L}+|\p{N}+|\0|./gsu)];
  return parts.reduce((sum, [part]) => sum + partBits(part), 0);
}

/** @param {string} part */
function partBits(part) {
  if (part === "\0") return KNOWN_BITS;
  if (part === " ") return 0;
  if (/^\p{N}/u.test(part)) return DIGIT_BITS * part.length;
  if (!/^\p{L}/u.test(part)) return SYMBOL_BITS;
  const asWord = WORD_BITS + LETTER_BITS * Math.max(0, part.length - 5);
  return Math.min(LETTER_ALONE_BITS * part.length, asWord);
}
