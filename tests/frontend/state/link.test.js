import assert from "node:assert/strict";
import { test } from "node:test";

import * as link from "../../../frontend/js/state/link.js";

const CONTENT = {
  files: [
    { name: "a", mime: "", sizeBytes: 10 },
    { name: "b", mime: "", sizeBytes: 20 },
  ],
  from: null,
  expiresMs: 0,
  downloadsLeft: null,
};
const open = (change = {}, hasBegun = false) =>
  link.opened(link.INITIAL_LINK, { ...CONTENT, ...change }, hasBegun);
const states = ({ items }) => items.map(({ state }) => state);

test("why a link does not open decides what is said, and whether trying again can help", () => {
  const phases = {
    malformed: "broken",
    bad_link: "broken",
    not_found: "gone",
    unsupported: "newer",
    damaged: "damaged",
    offline: "failed",
    rate_limited: "failed",
    internal: "failed",
  };
  for (const [code, phase] of Object.entries(phases)) {
    const halted = link.halted(link.INITIAL_LINK, code);
    assert.deepEqual([halted.phase, halted.code], [phase, code]);
  }
});

test("everything of an open link can be fetched, and nothing of one that is used up", () => {
  assert.deepEqual(link.fetchable(open()), [0, 1]);
  assert.deepEqual(link.fetchable(open({ downloadsLeft: 1 })), [0, 1]);
  const usedUp = open({ downloadsLeft: 0 });
  assert.deepEqual([usedUp.ending, link.fetchable(usedUp)], ["used_up", []]);
});

test("what this tab has begun to download can be fetched although nobody else can begin", () => {
  const begun = open({ downloadsLeft: 0 }, true);
  assert.deepEqual([begun.ending, begun.content.downloadsLeft], [null, null]);
  assert.deepEqual(link.fetchable(begun), [0, 1]);
});

test("a file moves, stalls, goes on and arrives", () => {
  let state = link.fetching(open(), 0);
  assert.deepEqual(link.fetchable(state), [1]);
  state = link.progressed(state, { index: 0, doneBytes: 4 });
  assert.equal(state.items[0].doneBytes, 4);
  state = link.stalled(state, { index: 0 });
  assert.deepEqual([states(state), state.items[0].doneBytes], [["stalled", "waiting"], 4]);
  state = link.progressed(state, { index: 0, doneBytes: 8 });
  assert.deepEqual(states(state), ["moving", "waiting"]);
  state = link.fetched(state, 0);
  assert.deepEqual(states(state), ["done", "waiting"]);
  assert.deepEqual(link.fetchable(state), [1]);
});

test("news of a file that is not being fetched any more change nothing", () => {
  const cancelled = link.fetchEnded(link.fetching(open(), 0), 0, "cancelled");
  assert.deepEqual(states(cancelled), ["waiting", "waiting"]);
  assert.equal(link.progressed(cancelled, { index: 0, doneBytes: 4 }), cancelled);
  assert.equal(link.stalled(cancelled, { index: 0 }), cancelled);
});

test("each end of a file is its own, and that of the link is the end of all", () => {
  const ends = {
    damaged: ["damaged", null, [1]],
    offline: ["failed", null, [0, 1]],
    disk_full: ["failed", null, [0, 1]],
    not_found: ["gone", "gone", []],
    used_up: ["failed", "used_up", []],
  };
  for (const [code, [state, ending, fetchable]] of Object.entries(ends)) {
    const ended = link.fetchEnded(link.fetching(open(), 0), 0, code);
    const found = [ended.items[0].state, ended.ending, link.fetchable(ended)];
    assert.deepEqual(found, [state, ending, fetchable], code);
  }
});

test("a wrong passphrase is asked for again, and the first one is not called wrong", () => {
  assert.equal(link.passphraseNeeded(link.INITIAL_LINK, false).isWrong, false);
  const again = link.passphraseNeeded(link.INITIAL_LINK, true);
  assert.deepEqual([again.phase, again.isWrong], ["passphrase", true]);
});
