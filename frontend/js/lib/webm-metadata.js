/**
 * What a WebM or Matroska film says beside picture and sound: tags, attachments, when it was made. Elements are an id, a
 * size and a content; those to be removed become `Void`, which everybody steps over, so that all others stay in place.
 */

/** @import { BlobReader, Patch } from "./blob-reader.js" */
import { blanked, written } from "./blob-reader.js";
import { AppError } from "./errors.js";

/** @typedef {{ id: number, start: number, body: number, end: number }} Element */

const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const INFO = 0x1549a966;
/** Tags, attachments. */
const SAID = new Set([0x1254c367, 0x1941a469]);
/** Of what is said of the whole: the unit of time, the length, by which programs; these two have to be there. */
const INFO_KEPT = new Set([0x2ad7b1, 0x4489, 0x4d80, 0x5741]);
const VOID = 0xec;

/**
 * Throws (the generator): AppError("malformed").
 * @param {BlobReader} reader
 * @returns {AsyncGenerator<Patch, void>}
 */
export async function* webmPatches(reader) {
  for await (const element of elementsIn(reader, 0, reader.size)) {
    if (element.id === SEGMENT) yield* segmentPatches(reader, element);
    if (SAID.has(element.id)) yield* voided(element);
  }
}

/**
 * @param {BlobReader} reader
 * @param {Element} segment
 * @returns {AsyncGenerator<Patch, void>}
 */
async function* segmentPatches(reader, { body, end }) {
  for await (const element of elementsIn(reader, body, end)) {
    if (SAID.has(element.id)) yield* voided(element);
    if (element.id !== INFO) continue;
    for await (const inner of elementsIn(reader, element.body, element.end)) {
      if (!INFO_KEPT.has(inner.id)) yield* voided(inner);
    }
  }
}

/**
 * @param {BlobReader} reader
 * @param {number} start
 * @param {number} end
 * @returns {AsyncGenerator<Element, void>} one after another
 */
async function* elementsIn(reader, start, end) {
  for (let at = start; at < end;) {
    const element = await elementAt(reader, at, end);
    yield element;
    at = element.end;
  }
}

/**
 * @param {BlobReader} reader
 * @param {number} start
 * @param {number} limit
 * @returns {Promise<Element>} a live recording does not know how long its segment and clusters become: of the one it is
 *   all that remains, of the others the head, so that their content is walked like what stands beside them
 */
async function elementAt(reader, start, limit) {
  const idBytes = lengthOf(await reader.uint(start, 1), 4);
  const id = await reader.uint(start, idBytes);
  const sizeAt = start + idBytes;
  const first = await reader.uint(sizeAt, 1);
  const sizeBytes = lengthOf(first, 8);
  const body = sizeAt + sizeBytes;
  // The first bit that is set belongs to the length of the field.
  const high = (first - 2 ** (8 - sizeBytes)) * 256 ** (sizeBytes - 1);
  const size = high + (await reader.uint(sizeAt + 1, sizeBytes - 1));
  const isUnknown = size >= 2 ** (7 * sizeBytes) - 1;
  if (isUnknown && id !== SEGMENT && id !== CLUSTER) throw new AppError("malformed");
  const end = isUnknown ? (id === SEGMENT ? limit : body) : body + size;
  if (end > limit) throw new AppError("malformed");
  return { id, start, body, end };
}

/**
 * @param {number} first byte of a field, whose leading zeros say how many follow
 * @param {number} most
 */
function lengthOf(first, most) {
  const length = Math.clz32(first) - 23;
  if (length > most) throw new AppError("malformed");
  return length;
}

/**
 * @param {Element} element
 * @returns {Patch[]} as long as it was, with its size in eight bytes where they fit, else in one
 */
function voided({ start, end }) {
  const isLong = end - start >= 9;
  const head = isLong ? 9 : 2;
  const size = end - start - head;
  const digits = Array.from({ length: 7 }, (_, at) => Math.floor(size / 256 ** (6 - at)) % 256);
  const sizes = isLong ? [0x01, ...digits] : [0x80 + size];
  return [written(start, [VOID, ...sizes]), blanked({ start: start + head, end })];
}
