/**
 * What a GIF says beside its pictures: comments, XMP. Its blocks follow one another and none says where another is, so
 * they are cut out.
 */

/** @import { BlobReader, Patch } from "./blob-reader.js" */
import { cutOut } from "./blob-reader.js";
import { AppError } from "./errors.js";

const IMAGE = 0x2c;
const EXTENSION = 0x21;
const TRAILER = 0x3b;
const APPLICATION = 0xff;
/** How long a picture stays, and words drawn over it. */
const DRAWN = new Set([0xf9, 0x01]);
/** How often it repeats, and its colours. */
const APPLICATIONS = new Set(["NETSCAPE2.0", "ANIMEXTS1.0", "ICCRGBG1012"]);

/**
 * Throws (the generator): AppError("malformed").
 * @param {BlobReader} reader
 * @returns {AsyncGenerator<Patch, void>}
 */
export async function* gifPatches(reader) {
  let at = 13 + tableBytes(await reader.uint(10, 1));
  for (;;) {
    const kind = await reader.uint(at, 1);
    if (kind === TRAILER) {
      // Whatever follows the end is no picture.
      yield cutOut({ start: at + 1, end: reader.size });
      return;
    }
    const end = await endOf(reader, kind, at);
    if (kind === EXTENSION && !(await isKept(reader, at))) yield cutOut({ start: at, end });
    at = end;
  }
}

/**
 * @param {BlobReader} reader
 * @param {number} kind
 * @param {number} at
 */
async function endOf(reader, kind, at) {
  if (kind === EXTENSION) return afterBlocks(reader, at + 2);
  if (kind !== IMAGE) throw new AppError("malformed");
  // Place and size (9), a table of colours, how they are packed (1), and the picture.
  return afterBlocks(reader, at + 11 + tableBytes(await reader.uint(at + 9, 1)));
}

/**
 * @param {BlobReader} reader
 * @param {number} at of an extension
 */
async function isKept(reader, at) {
  const label = await reader.uint(at + 1, 1);
  if (label !== APPLICATION) return DRAWN.has(label);
  return (await reader.uint(at + 2, 1)) === 11 && APPLICATIONS.has(await reader.latin(at + 3, 11));
}

/**
 * @param {BlobReader} reader
 * @param {number} at the first of blocks of up to 255 bytes, each behind its size; an empty one ends them
 */
async function afterBlocks(reader, at) {
  for (let next = at; ;) {
    const size = await reader.uint(next, 1);
    next += size + 1;
    if (size === 0) return next;
  }
}

/**
 * @param {number} flags
 * @returns {number} bytes of the table of colours that they announce
 */
function tableBytes(flags) {
  return flags >= 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}
