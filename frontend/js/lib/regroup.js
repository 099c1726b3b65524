/**
 * Cut a stream of byte strings into blocks of one size, whatever the pieces were.
 *
 * Yields blocks of exactly `size` bytes and, at the end, always one that is shorter: the rest, which may
 * be empty. All blocks lie in one memory: each is good until the next one is asked for, and no piece is
 * needed once the one after it is asked for. Browsers collect what large files leave behind late.
 */

/** @import { Bytes } from "./bytes.js" */

/**
 * @param {AsyncIterable<Uint8Array>} pieces
 * @param {number} size of a block, in bytes
 * @param {number} [first] size of the first block, when it differs
 * @returns {AsyncGenerator<Bytes, void>}
 */
export async function* regroup(pieces, size, first = size) {
  const block = new Uint8Array(Math.max(size, first));
  let length = 0;
  let wanted = first;
  for await (const piece of pieces) {
    let rest = piece;
    while (length + rest.length >= wanted) {
      const end = wanted - length;
      block.set(rest.subarray(0, end), length);
      yield block.subarray(0, wanted);
      rest = rest.subarray(end);
      length = 0;
      wanted = size;
    }
    block.set(rest, length);
    length += rest.length;
  }
  yield block.subarray(0, length);
}
