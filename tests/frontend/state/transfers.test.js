import assert from "node:assert/strict";
import { test } from "node:test";

import { newTransfers, sumOf } from "../../../frontend/js/state/transfers.js";

const arrived = (/** @type {object} */ more) => ({
  state: "sealed",
  refusal: null,
  downloadedMs: null,
  files: [{ state: "done" }, { state: "waiting" }],
  ...more,
});

test("the badge counts what waits for an answer and what can be fetched and was not", () => {
  const received = [
    arrived({ state: "offered" }),
    arrived({}),
    arrived({ state: "accepted" }),
    arrived({ downloadedMs: 5 }),
    arrived({ refusal: "not-for-us" }),
    arrived({ files: [{ state: "done" }, { state: "damaged" }] }),
  ];
  assert.equal(newTransfers({ received, sent: [] }), 2);
});

test("before the engine has told of transfers there is nothing new", () => {
  assert.equal(newTransfers(null), 0);
});

test("files are summed up, and what is done counts whole", () => {
  const files = [
    { state: "done", doneBytes: 0, sizeBytes: 10 },
    { state: "moving", doneBytes: 4, sizeBytes: 20 },
    { state: "waiting", doneBytes: 0, sizeBytes: 5 },
  ];
  assert.deepEqual(sumOf(files), { doneBytes: 14, totalBytes: 35 });
  assert.deepEqual(sumOf([]), { doneBytes: 0, totalBytes: 0 });
});
