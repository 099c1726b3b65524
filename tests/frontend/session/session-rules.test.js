import assert from "node:assert/strict";
import { test } from "node:test";

import {
  acceptReset,
  acceptSession,
  afterReceipt,
  beginSession,
  prune,
  sendingSession,
} from "../../../frontend/js/session/session-rules.js";

const DAY_MS = 86_400_000;

/** A session by its number, with an ephemeral key that sorts as given. */
function session(number, ephemeral, fields = {}) {
  return {
    id: Uint8Array.of(number),
    status: "pending",
    ephemeralKey: Uint8Array.of(ephemeral),
    pre: {},
    isFinal: false,
    lastPeerSentAtMs: 0,
    staleSinceMs: 0,
    ratchet: {},
    version: 0,
    ...fields,
  };
}

const states = (sessions) => sessions.map(({ id, status }) => `${id[0]} ${status}`);

test("the pending session sends until an answer makes it active", () => {
  const sessions = beginSession([], session(1, 5), 0);
  assert.equal(sendingSession(sessions).id[0], 1);
  const after = afterReceipt(sessions, sessions[0], 10, 0);
  assert.deepEqual(states(after), ["1 active"]);
  assert.equal(after[0].pre, null);
});

test("of two sessions begun at once the smaller ephemeral key wins on both sides", () => {
  const own = beginSession([], session(1, 5), 0);
  assert.deepEqual(states(acceptSession(own, session(2, 9), 0)), ["1 pending", "2 stale"]);
  assert.deepEqual(states(acceptSession(own, session(2, 3), 0)), ["1 stale", "2 active"]);
});

test("the loser of a race is never promoted", () => {
  const own = beginSession([], session(1, 5), 0);
  const raced = acceptSession(own, session(2, 3), 0);
  const after = afterReceipt(raced, raced[0], 99, 0);
  assert.deepEqual(states(after), ["1 stale", "2 active"]);
});

test("a stale session takes over when the peer used it more recently", () => {
  const active = { ...session(1, 5), status: "active", lastPeerSentAtMs: 10 };
  const sessions = acceptSession([active], session(2, 3, { lastPeerSentAtMs: 20 }), 0);
  assert.deepEqual(states(afterReceipt(sessions, sessions[0], 15, 0)), ["1 stale", "2 active"]);
  assert.deepEqual(states(afterReceipt(sessions, sessions[0], 25, 0)), ["1 active", "2 stale"]);
});

test("a reset wins over an own pending session", () => {
  const own = beginSession([], session(1, 5), 0);
  assert.deepEqual(states(acceptReset(own, session(2, 9), 0)), ["1 stale", "2 active"]);
});

test("at most four stale sessions are kept, for eight days", () => {
  const stale = [1, 2, 3, 4, 5].map((n) => session(n, n, { status: "stale", staleSinceMs: n }));
  assert.deepEqual(states(prune(stale, 10)), ["2 stale", "3 stale", "4 stale", "5 stale"]);
  assert.deepEqual(prune(stale, 5 + 8 * DAY_MS), []);
});
