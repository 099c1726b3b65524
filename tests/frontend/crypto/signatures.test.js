import assert from "node:assert/strict";
import { test } from "node:test";

import { PURPOSES } from "../../../frontend/js/crypto/constants.js";
import {
  agree,
  generateAgreementKeyPair,
  generateSigningKeyPair,
  sign,
  verify,
} from "../../../frontend/js/crypto/curve.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { concat, equal, fromHex, toHex, utf8 } from "../../../frontend/js/lib/bytes.js";
import { flip, refusalOf } from "./fixtures.js";

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const body = utf8("what is signed");

const toInteger = (bytes) => BigInt(`0x${toHex(bytes)}`);
const toBytes = (value) => fromHex(value.toString(16).padStart(64, "0"));

test("row 8: a signature made for one purpose is valid for no other", async () => {
  const { privateKey, publicKey } = await generateSigningKeyPair();
  for (const made of PURPOSES) {
    const signature = await sign(privateKey, made, body);
    for (const asked of PURPOSES) {
      const result = await refusalOf(() => verify(publicKey, asked, body, signature));
      assert.equal(result, asked === made ? "accepted" : "bad_signature", `${made} as ${asked}`);
    }
  }
});

test("row 8: a bare ECDSA signature over the body is valid for no purpose", async () => {
  const { privateKey, publicKey } = await generateSigningKeyPair();
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const bare = new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, body));
  for (const purpose of PURPOSES) {
    const result = await refusalOf(() => verify(publicKey, purpose, body, bare));
    assert.equal(result, "bad_signature");
  }
});

test("malformed signatures are refused: lengths, zeros, the group order, DER, leading zeros", async () => {
  const { privateKey, publicKey } = await generateSigningKeyPair();
  const good = await sign(privateKey, "spk", body);
  const [r, s] = [good.slice(0, 32), good.slice(32)];
  const zero = new Uint8Array(32);
  const order = toBytes(ORDER);
  const ones = new Uint8Array(32).fill(0xff);
  const der = concat(Uint8Array.of(0x30, 68, 2, 32), r, Uint8Array.of(2, 32), s);
  const bad = {
    empty: new Uint8Array(0),
    "r only": r,
    "one byte short": good.slice(0, 63),
    "one byte long": concat(good, Uint8Array.of(0)),
    "of 96 bytes": concat(good, zero),
    der,
    "r = 0": concat(zero, s),
    "s = 0": concat(r, zero),
    "both 0": new Uint8Array(64),
    "r = n": concat(order, s),
    "s = n": concat(r, order),
    "both n": concat(order, order),
    "all ones": concat(ones, ones),
    "r and s exchanged": concat(s, r),
    "padded with zeros": concat(zero, r, zero, s),
  };
  for (const [name, signature] of Object.entries(bad)) {
    const result = await refusalOf(() => verify(publicKey, "spk", body, signature));
    assert.equal(result, "bad_signature", name);
  }
  await verify(publicKey, "spk", body, good);
});

test("every bit of a signature, of what is signed and of the key matters", async () => {
  const { privateKey, publicKey } = await generateSigningKeyPair();
  const signature = await sign(privateKey, "opk", body);
  for (let i = 0; i < 64; i += 1) {
    const result = await refusalOf(() => verify(publicKey, "opk", body, flip(signature, i, i % 8)));
    assert.equal(result, "bad_signature");
  }
  for (let i = 0; i < body.length; i += 1) {
    const result = await refusalOf(() => verify(publicKey, "opk", flip(body, i), signature));
    assert.equal(result, "bad_signature");
  }
  const other = await generateSigningKeyPair();
  const result = await refusalOf(() => verify(other.publicKey, "opk", body, signature));
  assert.equal(result, "bad_signature");
});

test("a signature has a second form, which is why none is ever an id", async () => {
  const { privateKey, publicKey } = await generateSigningKeyPair();
  const signature = await sign(privateKey, "devlist", body);
  const s = toInteger(signature.subarray(32));
  const other = concat(signature.subarray(0, 32), toBytes(ORDER - s));
  assert.ok(!equal(other, signature));
  await verify(publicKey, "devlist", body, other);
});

test("agreement is the same from both sides and with nobody else", async () => {
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => generateAgreementKeyPair()));
  const secret = await agree(a.privateKey, b.publicKey);
  assert.deepEqual(await agree(b.privateKey, a.publicKey), secret);
  assert.notDeepEqual(await agree(c.privateKey, a.publicKey), secret);
  assert.equal(secret.length, 32);
});

test("random bytes for a public key are refused before they are used", async () => {
  const { privateKey } = await generateAgreementKeyPair();
  const random = randomBytes(65);
  random[0] = 4;
  assert.equal(await refusalOf(() => agree(privateKey, random)), "bad_key");
  assert.equal(await refusalOf(() => verify(random, "spk", body, new Uint8Array(64))), "bad_key");
});
