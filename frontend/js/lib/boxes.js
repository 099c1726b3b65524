/**
 * Files made of boxes (ISO/IEC 14496-12): films, sounds, and the pictures of newer phones.
 *
 *     u32 size (0: to the end, 1: u64 behind the type) ‖ 4 characters of type ‖ content, often boxes again
 */

import { blanked, written } from "./blob-reader.js";
import { AppError } from "./errors.js";

/** @import { BlobReader, Patch } from "./blob-reader.js" */

/** @typedef {{ type: string, start: number, body: number, end: number }} Box its content is from `body` to `end` */

/** "free": whoever reads the file steps over it. */
const FREE = [0x66, 0x72, 0x65, 0x65];
const HEAD_BYTES = 8;

/**
 * Throws (the generator): AppError("malformed") for a box that does not fit in.
 * @param {BlobReader} reader
 * @param {number} start
 * @param {number} end
 * @returns {AsyncGenerator<Box, void>} one after another; what is too short for one at the end has the type ""
 */
export async function* boxesIn(reader, start, end) {
  for (let at = start; at < end;) {
    const box = await boxAt(reader, at, end);
    yield box;
    at = box.end;
  }
}

/**
 * @param {BlobReader} reader
 * @param {number} start
 * @param {number} limit
 * @returns {Promise<Box>}
 */
async function boxAt(reader, start, limit) {
  if (limit - start < HEAD_BYTES) return { type: "", start, body: start, end: limit };
  const short = await reader.uint(start, 4);
  const type = await reader.latin(start + 4, 4);
  const body = start + (short === 1 ? 2 * HEAD_BYTES : HEAD_BYTES);
  const size = short === 1 ? await reader.uint(start + HEAD_BYTES, 8) : short || limit - start;
  const end = start + size;
  if (end < body || end > limit) throw new AppError("malformed");
  return { type, start, body, end };
}

/**
 * @param {BlobReader} reader
 * @param {Box} parent
 * @param {readonly string[]} path of types
 * @returns {Promise<Box | null>} the first of each
 */
export async function findBox(reader, parent, path) {
  const [type, ...rest] = path;
  if (type === undefined) return parent;
  for await (const box of boxesIn(reader, parent.body, parent.end)) {
    if (box.type === type) return findBox(reader, box, rest);
  }
  return null;
}

/**
 * Throws: AppError("malformed") when it is not there.
 * @param {BlobReader} reader
 * @param {Box} parent
 * @param {readonly string[]} path
 * @returns {Promise<Box>}
 */
export async function requireBox(reader, parent, path) {
  const found = await findBox(reader, parent, path);
  if (found === null) throw new AppError("malformed");
  return found;
}

/**
 * Throws: AppError("malformed") when so much does not stand in it.
 * @param {Box} box
 * @param {number} size of what is read from the beginning of its content
 */
export function requireBody({ body, end }, size) {
  if (!(size <= end - body)) throw new AppError("malformed");
}

/**
 * @param {Box} box
 * @returns {Patch[]} it keeps its size, so that what stands behind it stays where it is, and says nothing
 */
export function freed({ start, body, end }) {
  const isBox = body > start;
  return [...(isBox ? [written(start + 4, FREE)] : []), blanked({ start: body, end })];
}
