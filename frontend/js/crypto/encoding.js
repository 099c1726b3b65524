/**
 * The injective encoding under every hash, signature and associated data of SEAL1 §4.0.
 *
 *     LP(b)            = u32(len b) ‖ b
 *     T(label, f1..fn) = LP(ascii label) ‖ LP(f1) ‖ … ‖ LP(fn)
 *
 * Two different lists of fields never give the same bytes, so nothing can be moved from one field into
 * the next. T("") (the empty label) stands where the purpose of the signature is the domain.
 */

import { concat, equal, readU32, u32, utf8 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Label } from "./constants.js" */

/** A field that is absent: an empty one, which no present field of this protocol is. */
export const ABSENT = new Uint8Array(0);

/**
 * LP: a byte string behind its length.
 * @param {Uint8Array} bytes
 * @returns {Bytes}
 */
export function lengthPrefixed(bytes) {
  return concat(u32(bytes.length), bytes);
}

/**
 * T: label and fields, each behind its length.
 * @param {Label | "" | `SEAL1/sig/${string}`} label
 * @param {...Uint8Array} fields
 * @returns {Bytes}
 */
export function tuple(label, ...fields) {
  return lengthPrefixedAll([utf8(label), ...fields]);
}

/**
 * @param {readonly Uint8Array[]} fields
 * @returns {Bytes}
 */
export function lengthPrefixedAll(fields) {
  return concat(...fields.flatMap((field) => [u32(field.length), field]));
}

/**
 * Take a concatenation of LP fields apart; anything left over or cut off is refused.
 * @param {Bytes} bytes
 * @returns {Bytes[]}
 */
export function parseLengthPrefixed(bytes) {
  /** @type {Bytes[]} */
  const fields = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + 4;
    const end = start + readU32(bytes, offset);
    if (end > bytes.length) throw new AppError("malformed", "field cut off");
    fields.push(bytes.slice(start, end));
    offset = end;
  }
  return fields;
}

/**
 * Take T(label, …) apart.
 * @param {Bytes} bytes
 * @param {Label | ""} label
 * @param {readonly number[]} lengths of the fields that must be there, in bytes
 * @returns {{ fields: Bytes[], rest: Bytes[] }} the fields of those lengths, and what follows them
 */
export function parseTuple(bytes, label, lengths) {
  const [actual, ...values] = parseLengthPrefixed(bytes);
  if (actual === undefined || !equal(actual, utf8(label))) {
    throw new AppError("malformed", `not a ${label}`);
  }
  if (!lengths.every((length, i) => values[i]?.length === length)) {
    throw new AppError("malformed", `fields of ${label}`);
  }
  return { fields: values.slice(0, lengths.length), rest: values.slice(lengths.length) };
}
