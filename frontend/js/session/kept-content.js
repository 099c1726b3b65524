/**
 * The content of a file whose ciphertext is on the shelf: put there, and read again.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { regroup } from "../lib/regroup.js";
import { decryptFile, encryptFile, makeFileKey } from "../crypto/cobblestone.js";
import { fileContext } from "../crypto/file-manifest.js";
import { fileRoot, PartHasher } from "../crypto/file-root.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileEntry } from "../crypto/file-manifest.js" */
/** @import { FileKey } from "../crypto/types.js" */
/** @import { Shelf } from "./shelf.js" */

/** @typedef {{ fileId: Bytes, fileKey: FileKey, root: Bytes }} KeptContent */

/**
 * Put content on the shelf, encrypted under a key of its own; nothing of it when that fails. A part is in
 * memory at a time. Whoever calls uses the file until it is known what needs it.
 *
 * Throws: AppError "disk_full", "storage_failed"; the reason of the signal; whatever reading throws.
 * @param {Shelf} shelf
 * @param {string} room or transfer that it belongs to
 * @param {AsyncIterable<Uint8Array>} padded content
 * @param {{ fileId: Bytes, signal?: AbortSignal | undefined }} options
 * @returns {Promise<KeptContent>}
 */
export async function keepContent(shelf, room, padded, { fileId, signal }) {
  const fileKey = makeFileKey();
  const hasher = new PartHasher();
  const file = toBase64url(fileId);
  let number = 0;
  try {
    for await (const part of partsOf(encryptFile(fileKey, fileContext(fileId), padded))) {
      signal?.throwIfAborted();
      await hasher.update(part);
      await shelf.append({ room, file, number }, part);
      number += 1;
    }
    await shelf.keep(file);
  } catch (error) {
    await shelf.remove(file);
    throw error;
  }
  return { fileId, fileKey, root: await fileRoot(fileId, await hasher.finish()) };
}

/**
 * Read it piece by piece, a part in memory at a time.
 *
 * Throws: AppError("gone") for a part that is not here, AppError("undecryptable").
 * @param {Shelf} shelf
 * @param {Pick<FileEntry, "file_id" | "key" | "ct_size">} entry
 * @returns {AsyncGenerator<Bytes, void>} what was encrypted: the content, padded
 */
export function openKept(shelf, { file_id: file, key, ct_size: sizeBytes }) {
  const fileKey = /** @type {FileKey} */ (fromBase64url(key, 32));
  const parts = async function* () {
    const count = Math.ceil(sizeBytes / FILE_PART_BYTES);
    for (let number = 0; number < count; number += 1) {
      yield await shelf.part(file, number);
    }
  };
  return decryptFile(fileKey, fileContext(fromBase64url(file, 16)), parts());
}

/**
 * @param {AsyncIterable<Uint8Array>} ciphertext
 * @returns {AsyncGenerator<Bytes, void>} parts of 4 MiB and what remains
 */
async function* partsOf(ciphertext) {
  for await (const part of regroup(ciphertext, FILE_PART_BYTES)) {
    if (part.length > 0) yield part;
  }
}
