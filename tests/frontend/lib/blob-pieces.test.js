import assert from "node:assert/strict";
import { test } from "node:test";

import { piecesOf } from "../../../frontend/js/lib/blob-pieces.js";
import { concat } from "../../../frontend/js/lib/bytes.js";

const CONTENT = Uint8Array.from({ length: 2_500_000 }, (_, i) => i % 251);

async function piecesIn(blob) {
  const pieces = [];
  for await (const piece of piecesOf(blob)) pieces.push(piece);
  return pieces;
}

test("a file comes in pieces, whole and in order", async () => {
  const pieces = await piecesIn(new Blob([CONTENT]));
  assert.ok(pieces.length > 1);
  assert.deepEqual(concat(...pieces), CONTENT);
  assert.deepEqual(concat(...(await piecesIn(new Blob([])))), new Uint8Array(0));
});

test("a file that has changed says so", async () => {
  const blob = new Blob([CONTENT]);
  blob.slice = () => ({
    arrayBuffer: () => Promise.reject(new DOMException("changed", "NotReadableError")),
  });
  await assert.rejects(piecesIn(blob), { name: "NotReadableError" });
});
