import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  chunkOffset,
  decryptFile,
  encryptedSize,
  encryptFile,
  makeFileKey,
  openChunk,
  openCipher,
} from "../../../frontend/js/crypto/cobblestone.js";
import { concat, utf8 } from "../../../frontend/js/lib/bytes.js";
import { collect, inPieces, pattern } from "./file-fixtures.js";
import { flip, refusalOf } from "./fixtures.js";

const CHUNK = 16_384;
const SEALED = CHUNK + 16;
const CONTEXT = utf8("context");
const EDGES = [
  0,
  1,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  3 * CHUNK,
  64 * CHUNK - 1,
  64 * CHUNK,
  70 * CHUNK,
];

const encrypt = (key, bytes, options) =>
  collect(encryptFile(key, CONTEXT, inPieces(bytes, 100_000), options));
const decrypt = (key, bytes, context = CONTEXT) =>
  collect(decryptFile(key, context, inPieces(bytes, 70_001)));

for (const length of EDGES) {
  test(`${length} bytes come back, and the ciphertext is as long as foretold`, async () => {
    const [key, plaintext] = [makeFileKey(), pattern(length)];
    const ciphertext = await encrypt(key, plaintext);
    assert.equal(ciphertext.length, encryptedSize(length));
    assert.deepEqual(await decrypt(key, ciphertext), plaintext);
  });
}

test("how a stream is cut into pieces makes no difference", async () => {
  const length = fc.integer({ min: 0, max: 3 * CHUNK });
  const size = fc.integer({ min: 1, max: 2 * CHUNK });
  await fc.assert(
    fc.asyncProperty(length, size, size, async (bytes, one, other) => {
      const [key, plaintext] = [makeFileKey(), pattern(bytes)];
      const ciphertext = await collect(encryptFile(key, CONTEXT, inPieces(plaintext, one)));
      const opened = await collect(decryptFile(key, CONTEXT, inPieces(ciphertext, other)));
      assert.deepEqual(opened, plaintext);
    }),
    { numRuns: 30 },
  );
});

test("any chunk can be read alone, from where it begins", async () => {
  const [key, plaintext] = [makeFileKey(), pattern(5 * CHUNK + 7)];
  const ciphertext = await encrypt(key, plaintext);
  const cipher = await openCipher(key, CONTEXT, ciphertext.slice(0, 56));
  for (const index of [5, 0, 3]) {
    const chunk = ciphertext.slice(chunkOffset(index), chunkOffset(index + 1));
    const expected = plaintext.slice(index * CHUNK, (index + 1) * CHUNK);
    assert.deepEqual(await openChunk(cipher, index, chunk), expected);
  }
});

test("row 20: a file cut anywhere is refused", async () => {
  const key = makeFileKey();
  const ciphertext = await encrypt(key, pattern(2 * CHUNK + 5));
  const ends = [0, 23, 55, 56, 57, 71, 56 + SEALED - 1, 56 + SEALED, 56 + 2 * SEALED];
  for (const end of [...ends, ciphertext.length - 1]) {
    assert.equal(await refusalOf(() => decrypt(key, ciphertext.slice(0, end))), "auth-failed");
  }
});

test("row 20: a file put together differently is refused", async () => {
  const key = makeFileKey();
  const ciphertext = await encrypt(key, pattern(3 * CHUNK + 5));
  const prefix = ciphertext.slice(0, 56);
  const chunks = [0, 1, 2, 3].map((i) => ciphertext.slice(chunkOffset(i), chunkOffset(i + 1)));
  const other = await encrypt(key, pattern(3 * CHUNK + 5));
  const wrong = {
    swapped: [0, 2, 1, 3].map((i) => chunks[i]),
    repeated: [0, 0, 1, 2, 3].map((i) => chunks[i]),
    leftOut: [0, 1, 3].map((i) => chunks[i]),
    extended: [...chunks, Uint8Array.of(0)],
    continued: [...chunks, chunks[3]],
    mixed: [other.slice(56, 56 + SEALED), ...chunks.slice(1)],
  };
  for (const [name, parts] of Object.entries(wrong)) {
    const refusal = await refusalOf(() => decrypt(key, concat(prefix, ...parts)));
    assert.equal(refusal, "auth-failed", name);
  }
});

test("row 19: every byte of salt, commitment, content and tag matters", async () => {
  const key = makeFileKey();
  const ciphertext = await encrypt(key, pattern(9));
  for (let i = 0; i < ciphertext.length; i += 1) {
    const refusal = await refusalOf(() => decrypt(key, flip(ciphertext, i, i % 8)));
    assert.equal(refusal, "auth-failed", `byte ${i}`);
  }
});

test("another key or context opens nothing, and is noticed before the first chunk", async () => {
  const key = makeFileKey();
  const ciphertext = await encrypt(key, pattern(9));
  assert.equal(await refusalOf(() => decrypt(makeFileKey(), ciphertext)), "auth-failed");
  assert.equal(await refusalOf(() => decrypt(key, ciphertext, utf8("other"))), "auth-failed");
  const prefix = ciphertext.slice(0, 56);
  assert.equal(await refusalOf(() => openCipher(makeFileKey(), CONTEXT, prefix)), "auth-failed");
  assert.equal(await refusalOf(() => encrypt(key.slice(1), pattern(9))), "malformed");
});

test("row 18: no ciphertext belongs to two keys", async () => {
  const [one, other] = [makeFileKey(), makeFileKey()];
  const first = await encrypt(one, pattern(9));
  const second = await encrypt(other, pattern(9), { salt: first.slice(0, 24) });
  assert.notDeepEqual(second.slice(24, 56), first.slice(24, 56));
  const grafted = concat(second.slice(0, 56), first.slice(56));
  assert.equal(await refusalOf(() => decrypt(other, grafted)), "auth-failed");
  assert.equal(await refusalOf(() => decrypt(one, grafted)), "auth-failed");
});

test("the same file twice gives two ciphertexts", async () => {
  const key = makeFileKey();
  assert.notDeepEqual(await encrypt(key, pattern(9)), await encrypt(key, pattern(9)));
});

test("a quarter of a gigabyte passes through a few megabytes", async () => {
  const piece = new Uint8Array(1_048_576);
  async function* large() {
    for (let i = 0; i < 256; i += 1) yield piece;
  }
  const key = makeFileKey();
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  let [passed, most] = [0, 0];
  for await (const part of decryptFile(key, CONTEXT, encryptFile(key, CONTEXT, large()))) {
    passed += part.length;
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  assert.equal(passed, 256 * piece.length);
  // Whatever was freed and not collected yet counts as well.
  assert.ok(most < 128 * 1_048_576, `${most} bytes at once`);
});
