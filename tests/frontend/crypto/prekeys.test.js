import assert from "node:assert/strict";
import { test } from "node:test";

import {
  firstPreKeyId,
  isPrivateKeyExpired,
  isRotationDue,
  makeOneTimePreKeys,
  makeSignedPreKey,
  verifyBundle,
} from "../../../frontend/js/crypto/prekeys.js";
import { equal } from "../../../frontend/js/lib/bytes.js";
import { flip, makeDevice, NOW_MS, refusalOf } from "./fixtures.js";

const DAY_MS = 86_400_000;

async function publish() {
  const { identity, signing } = await makeDevice();
  const owner = { ...identity, signingPrivateKey: signing.privateKey };
  const signedPreKey = await makeSignedPreKey(owner, 7, NOW_MS);
  const [oneTimePreKey] = await makeOneTimePreKeys(owner, 9, 1);
  return { identity, owner, bundle: { signedPreKey, oneTimePreKey } };
}

test("a bundle verifies with and without a one-time prekey", async () => {
  const { identity, bundle } = await publish();
  await verifyBundle(identity, bundle, NOW_MS);
  await verifyBundle(identity, { ...bundle, oneTimePreKey: null }, NOW_MS);
});

test("one-time prekeys have consecutive ids, different keys and closed private halves", async () => {
  const { owner } = await publish();
  const keys = await makeOneTimePreKeys(owner, 41, 100);
  assert.deepEqual(
    keys.map(({ id }) => id),
    Array.from({ length: 100 }, (_, i) => 41 + i),
  );
  assert.equal(new Set(keys.map(({ publicKey }) => publicKey.join())).size, 100);
  assert.ok(keys.every(({ privateKey }) => !privateKey.extractable));
});

test("the first id leaves room to count", () => {
  for (let i = 0; i < 100; i += 1) {
    const id = firstPreKeyId();
    assert.ok(Number.isInteger(id) && id >= 0 && id < 2 ** 30);
  }
});

test("row 19: a prekey changed in any part is refused", async () => {
  const { identity, bundle } = await publish();
  const { signedPreKey, oneTimePreKey } = bundle;
  const changed = (key, part) => ({
    ...key,
    [part]: key[part] instanceof Uint8Array ? flip(key[part], 40) : key[part] + 1,
  });
  for (const part of ["id", "publicKey", "createdAtMs", "expiresAtMs", "signature"]) {
    const bad = { signedPreKey: changed(signedPreKey, part), oneTimePreKey };
    assert.notEqual(await refusalOf(() => verifyBundle(identity, bad, NOW_MS)), "accepted", part);
  }
  for (const part of ["id", "publicKey", "signature"]) {
    const bad = { signedPreKey, oneTimePreKey: changed(oneTimePreKey, part) };
    assert.notEqual(await refusalOf(() => verifyBundle(identity, bad, NOW_MS)), "accepted", part);
  }
});

test("a server cannot put a prekey of one device under another, or one kind for the other", async () => {
  const { identity, bundle } = await publish();
  const other = await publish();
  const swapped = { ...bundle, oneTimePreKey: other.bundle.oneTimePreKey };
  assert.equal(await refusalOf(() => verifyBundle(identity, swapped, NOW_MS)), "bad_signature");
  for (const field of ["userId", "deviceId"]) {
    const elsewhere = { ...identity, [field]: flip(identity[field], 0) };
    assert.equal(await refusalOf(() => verifyBundle(elsewhere, bundle, NOW_MS)), "bad_signature");
  }
  const { id, publicKey, signature } = bundle.signedPreKey;
  const asOneTime = { ...bundle, oneTimePreKey: { id, publicKey, signature } };
  assert.equal(await refusalOf(() => verifyBundle(identity, asOneTime, NOW_MS)), "bad_signature");
});

test("a signed prekey is good for 14 days and for 31 more, then the device is inactive", async () => {
  const { identity, bundle } = await publish();
  assert.equal(bundle.signedPreKey.expiresAtMs, NOW_MS + 14 * DAY_MS);
  const end = NOW_MS + 45 * DAY_MS;
  await verifyBundle(identity, bundle, end - 1);
  assert.equal(await refusalOf(() => verifyBundle(identity, bundle, end)), "device_inactive");
});

test("a signed prekey rotates after 7 days and its private half goes after 21", async () => {
  const { bundle } = await publish();
  const at = (days) => NOW_MS + days * DAY_MS;
  assert.equal(isRotationDue(bundle.signedPreKey, at(7) - 1), false);
  assert.equal(isRotationDue(bundle.signedPreKey, at(7)), true);
  assert.equal(isPrivateKeyExpired(bundle.signedPreKey, at(21) - 1), false);
  assert.equal(isPrivateKeyExpired(bundle.signedPreKey, at(21)), true);
});

test("a new signed prekey has nothing of the old one", async () => {
  const { owner, bundle } = await publish();
  const next = await makeSignedPreKey(owner, 8, NOW_MS + 7 * DAY_MS);
  assert.ok(!equal(next.publicKey, bundle.signedPreKey.publicKey));
});
