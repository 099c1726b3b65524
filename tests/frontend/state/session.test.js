import assert from "node:assert/strict";
import { test } from "node:test";

import {
  booted,
  broke,
  knownEmail,
  resent,
  signedOut,
  stepped,
  steppedBack,
} from "../../../frontend/js/state/session.js";
import { INITIAL_STATE, replaceSlice } from "../../../frontend/js/state/state.js";

const NOW_MS = 1_000_000;
const ASKED = { flow: "sign-up", email: "an@example.vn", nowMs: NOW_MS };
const CODE = { step: "code", resendAfterMs: 60_000 };

test("the page begins where the engine says", () => {
  for (const boot of [
    { phase: "expired", email: "an@example.vn" },
    { phase: "recovery", recoveryCode: "AAAA" },
    { phase: "ready" },
    { phase: "unsupported", reason: "indexeddb" },
  ]) {
    assert.deepEqual(booted(INITIAL_STATE, boot).session, boot);
  }
  assert.deepEqual(booted(INITIAL_STATE, { phase: "welcome" }).session, {
    phase: "welcome",
    reason: null,
    email: "",
  });
  const welcomed = booted(INITIAL_STATE, { phase: "welcome" });
  assert.equal(booted(welcomed, { phase: "welcome" }), welcomed);
  assert.deepEqual(broke(INITIAL_STATE, "storage_failed").session, {
    phase: "broken",
    code: "storage_failed",
  });
});

test("a step leads to its screen and remembers who asked and when a new code may be sent", () => {
  assert.deepEqual(stepped(INITIAL_STATE, CODE, ASKED).session, {
    phase: "code",
    flow: "sign-up",
    email: "an@example.vn",
    resendAtMs: NOW_MS + 60_000,
  });
  const recovery = { step: "recovery", recoveryCode: "AAAABBBB" };
  assert.deepEqual(stepped(INITIAL_STATE, recovery, ASKED).session, {
    phase: "recovery",
    recoveryCode: "AAAABBBB",
  });
  for (const step of ["unlock", "ready"]) {
    assert.deepEqual(stepped(INITIAL_STATE, { step }, ASKED).session, { phase: step });
  }
});

test("a code sent again moves the countdown and nothing else", () => {
  const state = stepped(INITIAL_STATE, CODE, ASKED);
  const again = resent(state, NOW_MS + 120_000);
  assert.deepEqual(again.session, { ...state.session, resendAtMs: NOW_MS + 120_000 });
  const ready = stepped(INITIAL_STATE, { step: "ready" }, ASKED);
  assert.equal(resent(ready, NOW_MS), ready);
});

test("one can go back from the code: the address stays, and nobody was logged out", () => {
  const back = steppedBack(stepped(INITIAL_STATE, CODE, ASKED));
  assert.deepEqual(back.session, { phase: "welcome", reason: null, email: "an@example.vn" });
  assert.equal(knownEmail(back.session), "an@example.vn");
  assert.equal(knownEmail({ phase: "ready" }), "");
});

test("after signing out nothing of the person is left in the page", () => {
  const message = { key: "k", text: "secret" };
  const state = {
    ...stepped(INITIAL_STATE, { step: "ready" }, ASKED),
    me: { displayName: "An" },
    people: { people: [{}], invites: [] },
    rooms: [{ lastRow: message }],
    messages: { r: { rows: [message], hasOlder: false, hasNewer: false } },
  };
  const out = signedOut(state, "revoked");
  assert.deepEqual(out.session, { phase: "welcome", reason: "revoked", email: "" });
  assert.deepEqual(
    { ...out, session: null, connection: null },
    {
      ...INITIAL_STATE,
      session: null,
      connection: null,
    },
  );
});

test("a slice is taken whole and leaves the others alone", () => {
  const rooms = [{ id: "r" }];
  const state = replaceSlice(INITIAL_STATE, "rooms", rooms);
  assert.equal(state.rooms, rooms);
  assert.equal(state.people, INITIAL_STATE.people);
  assert.equal(INITIAL_STATE.rooms, null);
});
