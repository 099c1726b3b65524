/**
 * Names of files as other people write them, and as we may put them before a person or on a disk.
 *
 * A name is one path component of at most 255 bytes of UTF-8, without separators, control characters
 * and marks that turn the direction of writing (with which "exe.gpj" reads "jpg.exe").
 */

import { utf8 } from "../lib/bytes.js";
import { FILE_NAME_BYTES, FILE_TYPE_CHARS } from "./constants.js";

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNSAFE = /[/\\\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/;

/**
 * @param {string} name
 * @returns {boolean}
 */
export function isFileName(name) {
  const bytes = utf8(name).length;
  const isComponent = name !== "." && name !== ".." && !UNSAFE.test(name);
  return isComponent && name.isWellFormed() && 0 < bytes && bytes <= FILE_NAME_BYTES;
}

/**
 * The nearest name that is one.
 * @param {string} name as a person's disk has it
 * @returns {string}
 */
export function toFileName(name) {
  let safe = name.toWellFormed().replaceAll(new RegExp(UNSAFE, "g"), "_");
  while (utf8(safe).length > FILE_NAME_BYTES) safe = [...safe].slice(0, -1).join("");
  return isFileName(safe) ? safe : "file";
}

/**
 * @param {string} type "" when it is not known
 * @returns {boolean}
 */
export function isMediaType(type) {
  return type === "" || (type.length <= FILE_TYPE_CHARS && MEDIA_TYPE.test(type));
}

/**
 * The type without its parameters, or none.
 * @param {string} type as a browser says it
 * @returns {string}
 */
export function toMediaType(type) {
  const [essence = ""] = type.toLowerCase().split(";");
  return isMediaType(essence.trim()) ? essence.trim() : "";
}
