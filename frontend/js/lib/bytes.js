/**
 * Byte strings: big-endian integers, hex, base64url, comparison, wiping.
 *
 * Every parser here is strict: one byte string has exactly one text form, anything else is refused,
 * so an id compared as text and an id compared as bytes can never disagree.
 */

import { AppError } from "./errors.js";

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const BASE64URL = /^[A-Za-z0-9_-]*$/;
const HEX = /^(?:[0-9a-f]{2})*$/;
const CHUNK_BYTES = 0x8000; // String.fromCharCode takes its bytes as arguments; engines bound their number

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Join byte strings into a new one.
 * @param {...Uint8Array} parts
 * @returns {Bytes}
 */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * @param {number} value 0 … 255
 * @returns {Bytes} 1 byte
 */
export function u8(value) {
  requireInteger(value, 0xff);
  return Uint8Array.of(value);
}

/**
 * @param {number} value 0 … 2^32-1
 * @returns {Bytes} 4 bytes, big-endian
 */
export function u32(value) {
  requireInteger(value, 0xffffffff);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/**
 * @param {number} value 0 … 2^53-1: what a number can hold exactly
 * @returns {Bytes} 8 bytes, big-endian
 */
export function u64(value) {
  requireInteger(value, Number.MAX_SAFE_INTEGER);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} [offset]
 * @returns {number}
 */
export function readU32(bytes, offset = 0) {
  return viewOf(bytes, offset, 4).getUint32(0);
}

/**
 * Read eight bytes; values beyond 2^53-1 are refused, since a number would round them.
 * @param {Uint8Array} bytes
 * @param {number} [offset]
 * @returns {number}
 */
export function readU64(bytes, offset = 0) {
  const value = viewOf(bytes, offset, 8).getBigUint64(0);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new AppError("malformed", "integer too large");
  return Number(value);
}

/**
 * @param {string} text
 * @returns {Bytes}
 */
export function utf8(text) {
  return encoder.encode(text);
}

/**
 * Decode UTF-8 and refuse anything that is not.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function fromUtf8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new AppError("malformed", "not UTF-8");
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} lower case
 */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} text lower case, even length
 * @returns {Bytes}
 */
export function fromHex(text) {
  if (!HEX.test(text)) throw new AppError("malformed", "not hex");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(2 * i, 2 * i + 2), 16),
  );
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} RFC 4648 §5 without padding
 */
export function toBase64url(bytes) {
  let binary = "";
  for (let i = 0; i < bytes.length; i += CHUNK_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK_BYTES));
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Decode base64url; padding, spaces and non-zero spare bits are refused.
 * @param {string} text
 * @param {number} [length] the exact number of bytes it must hold
 * @returns {Bytes}
 */
export function fromBase64url(text, length) {
  if (!BASE64URL.test(text) || text.length % 4 === 1) {
    throw new AppError("malformed", "not base64url");
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  const tail = text.length % 4 === 0 ? 0 : (text.length % 4) - 1;
  if (tail > 0 && !text.endsWith(toBase64url(bytes.subarray(-tail)))) {
    throw new AppError("malformed", "spare bits set");
  }
  if (length !== undefined && bytes.length !== length) {
    throw new AppError("malformed", `expected ${length} bytes`);
  }
  return bytes;
}

/**
 * Compare without telling by the time taken where the difference is.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {boolean}
 */
export function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) {
    difference |= /** @type {number} */ (a[i]) ^ /** @type {number} */ (b[i]);
  }
  return difference === 0;
}

/**
 * Order as unsigned bytes, shorter first among equal prefixes; for public values only.
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {number} negative, zero or positive
 */
export function compare(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const difference = /** @type {number} */ (a[i]) - /** @type {number} */ (b[i]);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * Overwrite secrets that are no longer needed. Best effort: the engine may hold copies.
 * @param {...Uint8Array} secrets
 */
export function wipe(...secrets) {
  for (const secret of secrets) secret.fill(0);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} offset
 * @param {number} length
 */
function viewOf(bytes, offset, length) {
  if (offset + length > bytes.length) throw new AppError("malformed", "too short");
  return new DataView(bytes.buffer, bytes.byteOffset + offset, length);
}

/**
 * @param {number} value
 * @param {number} max
 */
function requireInteger(value, max) {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new AppError("malformed", `integer outside 0…${max}`);
  }
}
