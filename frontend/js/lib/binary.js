/** Numbers and names within bytes. */

/** @import { Bytes } from "./bytes.js" */

/**
 * @param {Bytes} bytes
 * @param {number} at
 * @param {number} size 1 … 8; above 2^53 the value is not exact
 * @param {boolean} [isLittle]
 * @returns {number} bytes beyond the end count as 0
 */
export function uint(bytes, at, size, isLittle = false) {
  let value = 0;
  for (let index = 0; index < size; index += 1) {
    const place = isLittle ? at + size - 1 - index : at + index;
    value = value * 256 + (bytes[place] ?? 0);
  }
  return value;
}

/**
 * @param {Bytes} bytes
 * @param {number} at
 * @param {number} size
 * @returns {string} one character a byte
 */
export function latin(bytes, at, size) {
  return String.fromCharCode(...bytes.subarray(at, at + size));
}
