import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "../../../frontend/js/lib/bytes.js";
import { regroup } from "../../../frontend/js/lib/regroup.js";

/** Pieces in one memory, as whoever reads a large file has them. */
async function* stream(pieces) {
  const memory = new Uint8Array(Math.max(0, ...pieces.map(({ length }) => length)));
  for (const piece of pieces) {
    memory.set(piece);
    yield memory.subarray(0, piece.length);
    memory.fill(0xff);
  }
}

async function blocksOf(pieces, ...sizes) {
  const blocks = [];
  for await (const block of regroup(stream(pieces), ...sizes)) blocks.push(block.slice());
  return blocks;
}

test("blocks have one size, the last is shorter, and nothing is lost", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  const size = fc.integer({ min: 1, max: 25 });
  await fc.assert(
    fc.asyncProperty(pieces, size, size, async (input, every, first) => {
      const blocks = await blocksOf(input, every, first);
      const last = blocks.pop();
      assert.deepEqual(concat(...blocks, last), concat(...input));
      const sizes = blocks.map(({ length }) => length);
      assert.deepEqual(
        sizes,
        sizes.map((_, i) => (i === 0 ? first : every)),
      );
      assert.ok(last.length < (blocks.length === 0 ? first : every));
    }),
  );
});

test("blocks lie in one memory, however many there are", async () => {
  const memories = new Set();
  for await (const { buffer } of regroup(stream([new Uint8Array(100)]), 3, 5)) memories.add(buffer);
  assert.deepEqual(
    [...memories].map(({ byteLength }) => byteLength),
    [5],
  );
});

test("a stream that fills its last block ends with an empty one", async () => {
  const blocks = await blocksOf([new Uint8Array(6)], 3);
  assert.deepEqual(
    blocks.map(({ length }) => length),
    [3, 3, 0],
  );
});
