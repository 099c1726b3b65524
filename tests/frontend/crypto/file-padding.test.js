import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { padFile, sealedSize, unpadFile } from "../../../frontend/js/crypto/file-padding.js";
import { padme } from "../../../frontend/js/crypto/padding.js";
import { concat } from "../../../frontend/js/lib/bytes.js";
import { collect, inPieces, pattern } from "./file-fixtures.js";
import { flip, refusalOf } from "./fixtures.js";

const padded = (bytes) => collect(padFile(inPieces(bytes, 1_000), bytes.length));
const unpadded = (bytes, size) => collect(unpadFile(inPieces(bytes, 999), size));

test("a file comes back out of its padding, which hides its length", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 20_000 }), async (length) => {
      const bytes = await padded(pattern(length));
      assert.ok(bytes.length >= length && bytes.length <= Math.max(256, 2 * length));
      assert.deepEqual(await unpadded(bytes, length), pattern(length));
    }),
    { numRuns: 50 },
  );
});

test("small files look alike, and no size is lost among large ones", () => {
  assert.equal(sealedSize(0), sealedSize(256));
  assert.equal(padme(2 ** 52 - 1), 2 ** 52);
  assert.equal(padme(2 ** 47 - 1), 2 ** 47);
});

test("padding of another length, or with something in it, is refused", async () => {
  const bytes = await padded(pattern(300));
  const wrong = [
    [bytes.slice(0, -1), 300],
    [concat(bytes, new Uint8Array(1)), 300],
    [flip(bytes, 511), 300],
    [flip(bytes, 300), 300],
    [bytes, 299],
    [bytes, 200],
    [bytes.slice(0, 100), 300],
  ];
  for (const [changed, size] of wrong) {
    assert.equal(await refusalOf(() => unpadded(changed, size)), "auth-failed");
  }
});

test("a file that grew or shrank while it was read is not sealed", async () => {
  for (const size of [299, 301, 0]) {
    const reading = () => collect(padFile(inPieces(pattern(300), 100), size));
    assert.equal(await refusalOf(reading), "file_changed");
  }
});
