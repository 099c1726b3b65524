/**
 * A large file as pieces.
 */

/** @import { Bytes } from "./bytes.js" */

const PIECE_BYTES = 1_048_576;

/**
 * Throws (the generator): DOMException "NotReadableError" or "NotFoundError" for a file that has changed.
 * @param {Blob} blob
 * @returns {AsyncGenerator<Bytes, void>} pieces of up to 1 MiB
 */
export async function* piecesOf(blob) {
  for (let start = 0; start < blob.size; start += PIECE_BYTES) {
    yield new Uint8Array(await blob.slice(start, start + PIECE_BYTES).arrayBuffer());
  }
}
