/**
 * The parts of a file as somebody serves them, each checked before it is handed out.
 *
 *     hashes ─▶ root ─▶ each part: hash
 */

import { fromBase64url } from "../lib/bytes.js";
import { verifyPart, verifyPartList } from "../crypto/file-root.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileEntry } from "../crypto/file-manifest.js" */

/** @typedef {Pick<FileEntry, "file_id" | "ct_size" | "root">} Served */
/** @typedef {{ start: number, end: number }} Range of the ciphertext, in bytes, `end` exclusive */
/**
 * @typedef {object} Source
 * @property {() => Promise<Bytes>} hashes of all parts, one after another
 * @property {(range: Range) => Promise<Bytes>} read
 * @property {(doneBytes: number) => void} asking it is about to ask for what follows
 */

/**
 * A part is in memory at a time.
 *
 * Throws (the generator): DecryptError("auth-failed") for another list or another part, and whatever the
 * source throws.
 * @param {Served} file
 * @param {Source} source
 * @param {number} [first] the first part to ask for, from 0
 * @returns {AsyncGenerator<Bytes, void>}
 */
export async function* checkedParts(file, { hashes, read, asking }, first = 0) {
  const { file_id: id, root, ct_size: sizeBytes } = file;
  const list = { sizeBytes, hashes: await hashes() };
  await verifyPartList(fromBase64url(root, 32), fromBase64url(id, 16), list);
  const count = Math.ceil(sizeBytes / FILE_PART_BYTES);
  for (let number = first; number < count; number += 1) {
    const start = number * FILE_PART_BYTES;
    asking(start);
    const end = Math.min(start + FILE_PART_BYTES, sizeBytes);
    const part = await read({ start, end });
    await verifyPart(list, number, part);
    yield part;
  }
}
