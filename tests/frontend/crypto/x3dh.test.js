import assert from "node:assert/strict";
import { test } from "node:test";

import { generateAgreementKeyPair } from "../../../frontend/js/crypto/curve.js";
import {
  initiateRatchet,
  ratchetDecrypt,
  ratchetEncrypt,
  respondRatchet,
} from "../../../frontend/js/crypto/ratchet.js";
import {
  chooseSuite,
  identityBytes,
  initiateAgreement,
  respondAgreement,
  sessionIdOf,
} from "../../../frontend/js/crypto/x3dh.js";
import { equal, toHex, utf8 } from "../../../frontend/js/lib/bytes.js";
import { agreeFresh, flip, makeDevice, NOW_MS, refusalOf } from "./fixtures.js";

for (const withOneTimePreKey of [true, false]) {
  const name = withOneTimePreKey ? "with a one-time prekey" : "without one-time prekeys";
  test(`both sides agree ${name}`, async () => {
    const { initiated, responderInput } = await agreeFresh({ withOneTimePreKey });
    const responded = await respondAgreement(responderInput);
    assert.equal(toHex(responded.sharedSecret), toHex(initiated.sharedSecret));
    assert.equal(toHex(responded.transcriptHash), toHex(initiated.transcriptHash));
    assert.equal(toHex(responded.sessionId), toHex(initiated.sessionId));
    assert.equal(initiated.sessionId.length, 16);
    assert.equal(initiated.pre.oneTimePreKeyId, withOneTimePreKey ? 9 : null);
  });
}

test("two sessions with the same prekeys have nothing in common", async () => {
  const { alice, bob, signedPreKey, initiated } = await agreeFresh({ withOneTimePreKey: false });
  const again = await initiateAgreement({
    own: alice.identity,
    ownAgreementPrivateKey: alice.agreement.privateKey,
    peer: bob.identity,
    signedPreKey,
    oneTimePreKey: null,
  });
  for (const part of ["sharedSecret", "transcriptHash", "sessionId"]) {
    assert.notEqual(toHex(again[part]), toHex(initiated[part]));
  }
});

test("an unknown suite is refused on both sides", async () => {
  const { alice, bob, responderInput, signedPreKey } = await agreeFresh();
  for (const suite of [0, 2, 3, 255]) {
    const pre = { ...responderInput.pre, suite };
    assert.equal(
      await refusalOf(() => respondAgreement({ ...responderInput, pre })),
      "unsupported",
    );
    const input = {
      own: alice.identity,
      ownAgreementPrivateKey: alice.agreement.privateKey,
      peer: bob.identity,
      signedPreKey,
      oneTimePreKey: null,
      suite,
    };
    assert.equal(await refusalOf(() => initiateAgreement(input)), "unsupported");
  }
});

test("the suite is the newest that both certificates name, or there is no session", () => {
  assert.equal(chooseSuite(0b01, 0b01), 1);
  assert.equal(chooseSuite(0b01, 0b11), 1);
  for (const [own, peer] of [
    [0b01, 0b10],
    [0b01, 0],
    [0b11, 0b11],
    [0b10, 0b10],
  ]) {
    assert.throws(() => chooseSuite(own, peer), { code: "unsupported" });
  }
});

test("row 15: a replayed start names a spent one-time prekey and is refused", async () => {
  const { responderInput } = await agreeFresh();
  await respondAgreement(responderInput);
  const spent = { ...responderInput, oneTimePreKey: null };
  assert.equal(await refusalOf(() => respondAgreement(spent)), "no-session");
});

test("row 15: a replayed start without a one-time prekey leads to the same session id", async () => {
  const { responderInput, initiated, alice, bob, signedPreKey } = await agreeFresh({
    withOneTimePreKey: false,
  });
  const [first, second] = [
    await respondAgreement(responderInput),
    await respondAgreement(responderInput),
  ];
  assert.ok(equal(first.sessionId, second.sessionId));
  const transcript = {
    suite: 1,
    initiator: alice.identity,
    responder: bob.identity,
    ephemeralKey: initiated.pre.ephemeralKey,
    signedPreKey,
    oneTimePreKey: null,
  };
  assert.ok(equal(await sessionIdOf(transcript), first.sessionId));
});

test("a start that names other prekeys than the ones at hand is refused", async () => {
  const { responderInput } = await agreeFresh();
  for (const change of [
    { signedPreKeyId: 8 },
    { oneTimePreKeyId: 10 },
    { oneTimePreKeyId: null },
  ]) {
    const pre = { ...responderInput.pre, ...change };
    assert.equal(await refusalOf(() => respondAgreement({ ...responderInput, pre })), "no-session");
  }
});

test("an ephemeral key that is no point is refused", async () => {
  const { responderInput } = await agreeFresh();
  const { ephemeralKey } = responderInput.pre;
  for (const bad of [flip(ephemeralKey, 64), ephemeralKey.slice(0, 33), new Uint8Array(65)]) {
    const pre = { ...responderInput.pre, ephemeralKey: bad };
    assert.equal(
      await refusalOf(() => respondAgreement({ ...responderInput, pre })),
      "auth-failed",
    );
  }
});

test("every part of both identities is bound: a different view is a different session", async () => {
  const { initiated, responderInput, signedPreKey } = await agreeFresh();
  const state = await initiateRatchet(initiated, signedPreKey.publicKey);
  const { header, ciphertext } = await ratchetEncrypt(state, utf8("hello"));
  const other = (await makeDevice()).identity;
  const parts = ["userId", "deviceId", "accountKey", "signingKey", "agreementKey"];
  for (const side of ["own", "peer"]) {
    for (const part of parts) {
      const input = {
        ...responderInput,
        [side]: { ...responderInput[side], [part]: other[part] },
      };
      const responder = respondRatchet(await respondAgreement(input), signedPreKey);
      const reason = await refusalOf(() => ratchetDecrypt(responder, header, ciphertext, NOW_MS));
      assert.equal(reason, "auth-failed", `${side} ${part}`);
    }
  }
});

test("row 2: user and device id are separate fields, so exchanging them is another identity", async () => {
  const { identity } = await makeDevice();
  const exchanged = { ...identity, userId: identity.deviceId, deviceId: identity.userId };
  assert.notEqual(toHex(identityBytes(identity)), toHex(identityBytes(exchanged)));
});

test("a negated ephemeral key gives the same Diffie-Hellman secrets and still another session", async () => {
  const { initiated, responderInput } = await agreeFresh();
  const pre = { ...responderInput.pre, ephemeralKey: negate(initiated.pre.ephemeralKey) };
  const responded = await respondAgreement({ ...responderInput, pre });
  assert.notEqual(toHex(responded.sharedSecret), toHex(initiated.sharedSecret));
});

test("two devices of one account have different sessions with the same peer", async () => {
  const { bob, alice } = await agreeFresh();
  const signedPreKey = { id: 1, ...(await generateAgreementKeyPair()) };
  const start = (deviceId) =>
    initiateAgreement({
      own: { ...alice.identity, deviceId },
      ownAgreementPrivateKey: alice.agreement.privateKey,
      peer: bob.identity,
      signedPreKey,
      oneTimePreKey: null,
    });
  const [one, two] = await Promise.all([start(new Uint8Array(16)), start(alice.identity.deviceId)]);
  assert.notEqual(toHex(one.sessionId), toHex(two.sessionId));
});

/** The point with the same x and the other y. */
function negate(point) {
  const prime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
  const y = BigInt(`0x${toHex(point.subarray(33))}`);
  const negated = (prime - y).toString(16).padStart(64, "0");
  const result = point.slice();
  for (let i = 0; i < 32; i += 1) result[33 + i] = Number.parseInt(negated.substr(2 * i, 2), 16);
  return result;
}
