import assert from "node:assert/strict";
import { test } from "node:test";

import {
  aeadOpen,
  aeadSeal,
  hkdf,
  hkdfAeadKey,
  hmac,
  hmacAll,
  randomBytes,
} from "../../../frontend/js/crypto/primitives.js";
import { concat, fromHex, toHex, utf8 } from "../../../frontend/js/lib/bytes.js";
import { flip, refusalOf } from "./fixtures.js";

const counting = (from, length) => Uint8Array.from({ length }, (_, i) => from + i);

test("HKDF gives the outputs of RFC 5869, appendix A.1 to A.3", async () => {
  const cases = [
    {
      secret: new Uint8Array(22).fill(0x0b),
      salt: counting(0, 13),
      info: counting(0xf0, 10),
      output:
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    },
    {
      secret: counting(0x00, 80),
      salt: counting(0x60, 80),
      info: counting(0xb0, 80),
      output:
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" +
        "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71" +
        "cc30c58179ec3e87c14c01d5c1f3434f1d87",
    },
    {
      secret: new Uint8Array(22).fill(0x0b),
      salt: new Uint8Array(0),
      info: new Uint8Array(0),
      output:
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    },
  ];
  for (const { secret, salt, info, output } of cases) {
    assert.equal(toHex(await hkdf(salt, secret, info, output.length / 2)), output);
  }
});

test("HMAC gives the outputs of RFC 4231, also for several inputs at once", async () => {
  const jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  assert.equal(toHex(await hmac(utf8("Jefe"), utf8("what do ya want for nothing?"))), jefe);
  const [one, two] = await hmacAll(utf8("key"), utf8("one"), utf8("two"));
  assert.equal(toHex(one), toHex(await hmac(utf8("key"), utf8("one"))));
  assert.equal(toHex(two), toHex(await hmac(utf8("key"), utf8("two"))));
});

test("a key derived inside the engine is the one that its bytes would be, and stays there", async () => {
  const [salt, secret, info, aad] = [randomBytes(32), randomBytes(32), utf8("i"), utf8("a")];
  const inside = await hkdfAeadKey(salt, secret, info);
  const outside = await hkdf(salt, secret, info, 32);
  assert.deepEqual(await aeadOpen(outside, await aeadSeal(inside, utf8("x"), aad), aad), utf8("x"));
  assert.equal(inside.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("raw", inside));
});

test("every byte of IV, ciphertext, tag and additional data is authenticated", async () => {
  const key = randomBytes(32);
  const aad = utf8("additional data");
  const sealed = await aeadSeal(key, utf8("some plaintext"), aad);
  for (let i = 0; i < sealed.length; i += 1) {
    for (const bit of [0, 7]) {
      const reason = await refusalOf(() => aeadOpen(key, flip(sealed, i, bit), aad));
      assert.equal(reason, "auth-failed");
    }
  }
  for (let i = 0; i < aad.length; i += 1) {
    assert.equal(await refusalOf(() => aeadOpen(key, sealed, flip(aad, i))), "auth-failed");
  }
  assert.equal(await refusalOf(() => aeadOpen(flip(key, 0), sealed, aad)), "auth-failed");
});

test("a ciphertext cut off or extended anywhere is refused, never half opened", async () => {
  const key = randomBytes(32);
  const aad = new Uint8Array(0);
  const sealed = await aeadSeal(key, utf8("plaintext"), aad);
  for (let length = 0; length < sealed.length; length += 1) {
    const cut = sealed.slice(0, length);
    assert.equal(await refusalOf(() => aeadOpen(key, cut, aad)), "auth-failed");
  }
  const longer = concat(sealed, Uint8Array.of(0));
  assert.equal(await refusalOf(() => aeadOpen(key, longer, aad)), "auth-failed");
});

test("row 27: sealing the same twice never uses an IV twice", async () => {
  const key = randomBytes(32);
  const ivs = new Set();
  for (let i = 0; i < 1_000; i += 1) {
    ivs.add(toHex((await aeadSeal(key, utf8("x"), utf8(""))).subarray(0, 12)));
  }
  assert.equal(ivs.size, 1_000);
});

test("the empty plaintext is sealed and opened like any other", async () => {
  const key = randomBytes(32);
  const sealed = await aeadSeal(key, new Uint8Array(0), utf8("a"));
  assert.equal(sealed.length, 28);
  assert.equal((await aeadOpen(key, sealed, utf8("a"))).length, 0);
  assert.equal(toHex(fromHex("")), "");
});
