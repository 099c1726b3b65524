/**
 * Reading what came from the server: a shape checks an unknown value and gives it a type.
 *
 * Everything is checked before use, also what only a broken or hostile server would send. Unknown keys
 * are dropped, so `__proto__` and its like never reach an object of ours.
 */

import { fromBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";

/**
 * @template T
 * @typedef {(value: unknown, path: string) => T} Shape throws AppError("bad_answer") naming the path
 */
/**
 * @template S
 * @typedef {S extends Shape<infer T> ? T : never} Of the type that a shape gives
 */

/**
 * @param {string} path
 * @returns {never}
 */
function refuse(path) {
  throw new AppError("bad_answer", path);
}

/**
 * @template {Record<string, Shape<any>>} F any: each field keeps its own type through `Of`
 * @param {F} fields
 * @returns {Shape<{ [K in keyof F]: Of<F[K]> }>}
 */
export function object(fields) {
  const entries = Object.entries(fields);
  return (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(path);
    const source = /** @type {Record<string, unknown>} */ (value);
    const pairs = entries.map(([name, shape]) => {
      const field = Object.hasOwn(source, name) ? source[name] : undefined;
      return [name, shape(field, `${path}.${name}`)];
    });
    return /** @type {{ [K in keyof F]: Of<F[K]> }} */ (Object.fromEntries(pairs));
  };
}

/**
 * @template T
 * @param {Shape<T>} item
 * @param {number} [max]
 * @returns {Shape<T[]>}
 */
export function list(item, max = 10_000) {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > max) refuse(path);
    return /** @type {unknown[]} */ (value).map((entry, i) => item(entry, `${path}[${i}]`));
  };
}

/**
 * @template T
 * @param {Shape<T>} shape
 * @returns {Shape<T | null>} null, or absent
 */
export function nullable(shape) {
  return (value, path) => (value === null || value === undefined ? null : shape(value, path));
}

/**
 * @template T
 * @param {Shape<T>} shape
 * @returns {Shape<T | undefined>}
 */
export function optional(shape) {
  return (value, path) => (value === undefined ? undefined : shape(value, path));
}

/**
 * @template {string} T
 * @param {...T} values
 * @returns {Shape<T>}
 */
export function oneOf(...values) {
  return (value, path) => values.find((known) => known === value) ?? refuse(path);
}

/**
 * @param {number} max in characters
 * @returns {Shape<string>}
 */
export function text(max) {
  return (value, path) => (typeof value === "string" && value.length <= max ? value : refuse(path));
}

/**
 * @param {RegExp} pattern anchored at both ends
 * @returns {Shape<string>}
 */
export function matching(pattern) {
  return (value, path) => (typeof value === "string" && pattern.test(value) ? value : refuse(path));
}

/**
 * @param {number} length in bytes
 * @returns {Shape<string>} base64url in its one canonical spelling
 */
export function base64(length) {
  return (value, path) => {
    if (typeof value !== "string") refuse(path);
    try {
      fromBase64url(/** @type {string} */ (value), length);
    } catch {
      refuse(path);
    }
    return /** @type {string} */ (value);
  };
}

/**
 * @param {number} maxBytes
 * @returns {Shape<string>} base64url of unknown length
 */
export function base64UpTo(maxBytes) {
  const maxChars = Math.ceil((maxBytes * 4) / 3);
  return (value, path) =>
    typeof value === "string" && value.length <= maxChars && /^[A-Za-z0-9_-]+$/.test(value)
      ? value
      : refuse(path);
}

/** @type {Shape<number>} a whole number from 0 to 2^53-1 */
export const count = (value, path) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : refuse(path);

/** The last moment a Date can hold (ECMA-262 §21.4.1.1); a later one would throw where it is shown. */
const LAST_MS = 8.64e15;

/** @type {Shape<number>} milliseconds UTC */
export const millis = (value, path) =>
  count(value, path) <= LAST_MS ? Number(value) : refuse(path);

/** @type {Shape<boolean>} */
export const flag = (value, path) => (typeof value === "boolean" ? value : refuse(path));

/** @type {Shape<unknown>} */
export const anything = (value) => value;
