import assert from "node:assert/strict";
import { test } from "node:test";

import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { dumpRatchet, parseRatchet } from "../../../frontend/js/crypto/ratchet-store.js";
import {
  generateStorageKey,
  openRecord,
  openSession,
  sealRecord,
  sealSession,
} from "../../../frontend/js/crypto/storage-key.js";
import { utf8 } from "../../../frontend/js/lib/bytes.js";
import { flip, makeRatchets, refusalOf } from "./fixtures.js";

async function makeStore() {
  const owner = { userId: randomBytes(16), deviceId: randomBytes(16) };
  const place = {
    peerUser: randomBytes(16),
    peerDevice: randomBytes(16),
    sessionId: randomBytes(16),
    stateVersion: 3,
  };
  return { storageKey: await generateStorageKey(), owner, place };
}

test("the storage key cannot be exported", async () => {
  const { storageKey } = await makeStore();
  assert.equal(storageKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("raw", storageKey));
});

test("a session that was sealed opens to the same state", async () => {
  const { storageKey, owner, place } = await makeStore();
  const { initiator } = await makeRatchets();
  const { keys, blob } = dumpRatchet(initiator);
  const sealed = await sealSession(storageKey, owner, place, blob);
  const opened = await openSession(storageKey, owner, place, sealed);
  assert.deepEqual(parseRatchet({ keys, blob: opened }), initiator);
});

test("row 21: a sealed session opens in its own place and at its own version only", async () => {
  const { storageKey, owner, place } = await makeStore();
  const sealed = await sealSession(storageKey, owner, place, utf8("state"));
  for (const field of ["userId", "deviceId"]) {
    const other = { ...owner, [field]: flip(owner[field], 0) };
    assert.equal(
      await refusalOf(() => openSession(storageKey, other, place, sealed)),
      "auth-failed",
    );
  }
  for (const field of ["peerUser", "peerDevice", "sessionId"]) {
    const other = { ...place, [field]: flip(place[field], 0) };
    assert.equal(
      await refusalOf(() => openSession(storageKey, owner, other, sealed)),
      "auth-failed",
    );
  }
  const newer = { ...place, stateVersion: 4 };
  assert.equal(await refusalOf(() => openSession(storageKey, owner, newer, sealed)), "auth-failed");
});

test("a record opens as its own kind and id only, and never as a session", async () => {
  const { storageKey, owner, place } = await makeStore();
  const at = { kind: "message", recordId: randomBytes(16) };
  const sealed = await sealRecord(storageKey, owner, at, utf8("text"));
  assert.deepEqual(await openRecord(storageKey, owner, at, sealed), utf8("text"));
  for (const other of [
    { ...at, kind: "outbox" },
    { ...at, recordId: flip(at.recordId, 0) },
  ]) {
    assert.equal(
      await refusalOf(() => openRecord(storageKey, owner, other, sealed)),
      "auth-failed",
    );
  }
  assert.equal(await refusalOf(() => openSession(storageKey, owner, place, sealed)), "auth-failed");
});

test("row 19: every byte of a sealed session and record matters", async () => {
  const { storageKey, owner, place } = await makeStore();
  const at = { kind: "message", recordId: randomBytes(16) };
  const session = await sealSession(storageKey, owner, place, utf8("state"));
  const record = await sealRecord(storageKey, owner, at, utf8("text"));
  for (let i = 0; i < session.length; i += 1) {
    const open = () => openSession(storageKey, owner, place, flip(session, i, i % 8));
    assert.equal(await refusalOf(open), "auth-failed");
  }
  for (let i = 0; i < record.length; i += 1) {
    const open = () => openRecord(storageKey, owner, at, flip(record, i, i % 8));
    assert.equal(await refusalOf(open), "auth-failed");
  }
});
