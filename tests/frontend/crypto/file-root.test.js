import assert from "node:assert/strict";
import { test } from "node:test";

import {
  fileRoot,
  PartHasher,
  verifyPart,
  verifyPartList,
} from "../../../frontend/js/crypto/file-root.js";
import { randomBytes, sha256 } from "../../../frontend/js/crypto/primitives.js";
import { concat } from "../../../frontend/js/lib/bytes.js";
import { inPieces, pattern } from "./file-fixtures.js";
import { flip, refusalOf } from "./fixtures.js";

const PART = 4_194_304;
const FILE_ID = randomBytes(16);

async function partsOf(bytes, size) {
  const hasher = new PartHasher();
  for await (const piece of inPieces(bytes, size)) await hasher.update(piece);
  return hasher.finish();
}

for (const length of [0, 1, PART - 1, PART, PART + 1, 2 * PART]) {
  test(`${length} bytes have a hash for every part, however they pass`, async () => {
    const bytes = pattern(length);
    const hashes = [];
    for (let at = 0; at < length; at += PART) hashes.push(await sha256(bytes.slice(at, at + PART)));
    const expected = { sizeBytes: length, hashes: concat(...hashes) };
    assert.deepEqual(await partsOf(bytes, 1_000_003), expected);
    assert.deepEqual(await partsOf(bytes, 3 * PART), expected);
  });
}

test("a list is believed for its root, file and size only", async () => {
  const parts = await partsOf(pattern(PART + 5), PART);
  const root = await fileRoot(FILE_ID, parts);
  await verifyPartList(root, FILE_ID, parts);
  const wrong = [
    [flip(root, 0), FILE_ID, parts],
    [root, flip(FILE_ID, 0), parts],
    [root, FILE_ID, { ...parts, sizeBytes: PART + 6 }],
    [root, FILE_ID, { ...parts, hashes: flip(parts.hashes, 40) }],
  ];
  for (const attempt of wrong) {
    assert.equal(await refusalOf(() => verifyPartList(...attempt)), "auth-failed");
  }
  const short = { ...parts, hashes: parts.hashes.slice(32) };
  assert.equal(await refusalOf(() => verifyPartList(root, FILE_ID, short)), "malformed");
});

test("row 20: a part that was changed or stands elsewhere is refused as it comes", async () => {
  const bytes = pattern(PART + 5);
  const parts = await partsOf(bytes, PART);
  await verifyPart(parts, 1, bytes.slice(PART));
  for (const [index, part] of [
    [1, flip(bytes.slice(PART), 0)],
    [0, bytes.slice(PART)],
    [2, bytes.slice(PART)],
  ]) {
    assert.equal(await refusalOf(() => verifyPart(parts, index, part)), "auth-failed");
  }
});
