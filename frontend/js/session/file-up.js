/**
 * One file on its way up, wherever it belongs: from what a person has chosen to the parts at the server.
 */

import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { sha256 } from "../crypto/primitives.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";

/** @import { FileCalls, FileState } from "../net/files.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Moving, Traffic } from "./traffic.js" */

/**
 * What a browser says about a file or a disk, as a code of ours.
 * @param {unknown} error
 */
export function readable(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError") return new AppError("disk_full");
  if (name === "NotReadableError" || name === "NotFoundError") return new AppError("file_changed");
  return error;
}

/**
 * Bring the parts that the server has not, and say that all are there. It may be done again after whatever
 * interrupted it.
 *
 * Throws: what the network or the server ended with, or the reason of the signal.
 * @param {{ calls: FileCalls, shelf: Shelf, traffic: Traffic }} parts
 * @param {FileState} begun what the server said when it was announced
 * @param {Moving & { sizeBytes: number }} moving `sizeBytes`: of the ciphertext, which is on the shelf
 * @param {AbortSignal} signal
 */
export async function bringParts({ calls, shelf, traffic }, begun, moving, signal) {
  const { file, sizeBytes, totalBytes } = moving;
  const missing = missingOf(begun);
  const sizes = missing.map((number) => partBytes(sizeBytes, number));
  let leftBytes = sizes.reduce((sum, size) => sum + size, 0);
  const tell = () => traffic.progress(moving, Math.round(totalBytes * (1 - leftBytes / sizeBytes)));
  tell();
  for (const number of missing) {
    const bytes = await shelf.part(file, number);
    const part = { bytes, hash: toBase64url(await sha256(bytes)) };
    await traffic.persist(signal, () => calls.put(file, number, part, signal));
    leftBytes -= bytes.length;
    tell();
  }
  await traffic.persist(signal, () => calls.commit(file));
  traffic.clear(file);
}

/**
 * @param {number} sizeBytes of all parts
 * @param {number} number from 0
 */
function partBytes(sizeBytes, number) {
  return Math.min(FILE_PART_BYTES, sizeBytes - number * FILE_PART_BYTES);
}

/** @param {FileState} begun */
function missingOf({ state, parts, received }) {
  if (state === "committed") return [];
  const there = new Set(received);
  return Array.from({ length: parts }, (_, number) => number).filter((n) => !there.has(n));
}
