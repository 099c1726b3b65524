import assert from "node:assert/strict";
import { test } from "node:test";

import { follow, isGap, noteUnread } from "../../../frontend/js/session/trail.js";

const seen = { sseq: 4, hash: "h4", unread: 0 };

test("the next number with the right predecessor leaves no gap", () => {
  assert.equal(isGap(undefined, { sseq: 9, prev: "h8" }), false);
  assert.equal(isGap(seen, { sseq: 5, prev: "h4" }), false);
});

test("a missing number and a strange predecessor are gaps (§6 rows 9 and 22)", () => {
  assert.equal(isGap(seen, { sseq: 6, prev: "h5" }), true);
  assert.equal(isGap(seen, { sseq: 5, prev: "other" }), true);
  assert.equal(isGap(seen, { sseq: 5, prev: null }), true);
});

test("what came and could not be opened explains a gap of its size", () => {
  const room = noteUnread({ senders: { device: seen } }, "device");
  const trail = room.senders.device;
  assert.equal(isGap(trail, { sseq: 6, prev: "h5" }), false);
  assert.equal(isGap(trail, { sseq: 7, prev: "h6" }), true);
  assert.deepEqual(follow(trail, { sseq: 6, hash: "h6" }), { sseq: 6, hash: "h6", unread: 0 });
});

test("a late message does not turn the trail back", () => {
  assert.equal(follow(seen, { sseq: 3, hash: "h3" }), seen);
});
