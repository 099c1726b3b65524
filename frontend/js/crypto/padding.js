/**
 * Hiding lengths: pad(x) = u32 len ‖ x ‖ 0*.
 *
 * Up to 4,096 bytes the total is the next of 256, 512, 1,024, 2,048, 4,096; above it is the next Padmé
 * size, at most 12 % more, which tells an observer only O(log log n) bits of the length.
 * Nothing is compressed before encryption, so contents do not show in sizes either (SEAL1 §6, row 10).
 */

import { readU32, u32 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { PADDING_STEPS_BYTES } from "./constants.js";

/** @import { Bytes } from "../lib/bytes.js" */

const LENGTH_BYTES = 4;

/**
 * @param {Bytes} bytes
 * @returns {Bytes}
 */
export function pad(bytes) {
  const padded = new Uint8Array(paddedLength(LENGTH_BYTES + bytes.length));
  padded.set(u32(bytes.length));
  padded.set(bytes, LENGTH_BYTES);
  return padded;
}

/**
 * Throws: AppError("malformed") for anything but what `pad` makes.
 * @param {Bytes} padded
 * @returns {Bytes}
 */
export function unpad(padded) {
  const end = LENGTH_BYTES + readU32(padded);
  const isPadded = end <= padded.length && paddedLength(end) === padded.length;
  if (!isPadded || padded.subarray(end).some((byte) => byte !== 0)) {
    throw new AppError("malformed", "padding");
  }
  return padded.slice(LENGTH_BYTES, end);
}

/**
 * @param {number} length of the length field and the content together, in bytes
 * @returns {number}
 */
export function paddedLength(length) {
  return PADDING_STEPS_BYTES.find((step) => length <= step) ?? padme(length);
}

/**
 * Padmé: round up so that only the top ⌊log2 log2 L⌋ + 1 bits of the length remain.
 * @param {number} length
 * @returns {number}
 */
export function padme(length) {
  const exponent = length.toString(2).length - 1; // log2 would round sizes of many terabytes up
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const unit = 2 ** (exponent - kept);
  return Math.ceil(length / unit) * unit;
}
