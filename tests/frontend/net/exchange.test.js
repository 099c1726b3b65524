import assert from "node:assert/strict";
import { test } from "node:test";

import { createExchange } from "../../../frontend/js/net/exchange.js";
import { FILE_PART_BYTES } from "../../../frontend/js/protocol/limits.js";

const PIECE = new Uint8Array(65_536).fill(7);

/** An answer that goes on for as long as somebody reads. */
function endless() {
  const seen = { bytes: 0, isCancelled: false };
  const body = new ReadableStream({
    pull(controller) {
      seen.bytes += PIECE.length;
      controller.enqueue(PIECE.slice());
    },
    cancel() {
      seen.isCancelled = true;
    },
  });
  return { body, seen };
}

const fetched = (body, headers = {}) =>
  createExchange({
    fetch: async () => new Response(body, { headers }),
    origin: "https://chat.example.org",
  }).transfer("GET", "/x", { headers: {}, signal: new AbortController().signal });

for (const headers of [
  {},
  { "Content-Length": String(1e12) },
  { "Content-Length": "10", "Content-Encoding": "gzip" },
]) {
  test(`an answer without an end is left, not kept (${JSON.stringify(headers)})`, async () => {
    const { body, seen } = endless();
    await assert.rejects(fetched(body, headers), { code: "bad_answer" });
    assert.equal(seen.isCancelled, true);
    assert.ok(seen.bytes <= FILE_PART_BYTES + 4 * PIECE.length);
  });
}

for (const size of [0, 10, FILE_PART_BYTES]) {
  for (const isSaid of [true, false]) {
    test(`${size} bytes come as they are (${isSaid ? "announced" : "in chunks"})`, async () => {
      const content = new Uint8Array(size).fill(5);
      const got = await fetched(content, isSaid ? { "Content-Length": String(size) } : {});
      assert.equal(Buffer.compare(got, content), 0);
    });
  }
}

test("one byte more than a part is too much", async () => {
  const longer = fetched(new Uint8Array(FILE_PART_BYTES + 1));
  await assert.rejects(longer, { code: "bad_answer" });
});
