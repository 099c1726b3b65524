import assert from "node:assert/strict";
import { after, test } from "node:test";

import { createArgon2id } from "../../../frontend/js/crypto/argon2.js";
import { KDF_DEFAULT } from "../../../frontend/js/crypto/constants.js";
import { estimateStrength, makePassphrase } from "../../../frontend/js/crypto/passphrase.js";
import {
  derivePasswordKeys,
  dumpKdfParams,
  makePasswordSalt,
  passwordSalt,
  requireKdfParams,
} from "../../../frontend/js/crypto/password.js";
import { toHex } from "../../../frontend/js/lib/bytes.js";
import { openArgon2id } from "./argon2-in-process.js";
import { refusalOf } from "./fixtures.js";

const { argon2id, close } = await openArgon2id();
after(close);

/** Stands where a call would be a mistake. */
const neverCalled = () => assert.fail("computed with parameters that must be refused");

const input = (change) => ({
  password: "correct horse battery staple",
  email: "alice@example.com",
  salt16: new Uint8Array(16).fill(0x22),
  ...change,
});

test("rows 11 and 21: parameters below the floor are refused before anything is computed", async () => {
  const weak = [
    { mKib: 65_535 },
    { mKib: 0 },
    { t: 2 },
    { t: 0 },
    { alg: "argon2i" },
    { alg: "argon2d" },
    { alg: "pbkdf2" },
    { alg: "Argon2id" },
    { p: 0 },
    { mKib: 65_536.5 },
    { mKib: Number.NaN },
    { mKib: "65536" },
    { t: undefined },
  ];
  for (const change of weak) {
    const params = { ...KDF_DEFAULT, ...change };
    const derive = () => derivePasswordKeys(input({ params }), neverCalled);
    assert.equal(await refusalOf(derive), "weak_kdf", JSON.stringify(change));
  }
});

test("parameters above the ceiling are refused: a server cannot exhaust the tab", async () => {
  for (const change of [{ mKib: 1_048_577 }, { t: 17 }, { p: 17 }]) {
    const params = { ...KDF_DEFAULT, ...change };
    const derive = () => derivePasswordKeys(input({ params }), neverCalled);
    assert.equal(await refusalOf(derive), "weak_kdf");
  }
  requireKdfParams({ alg: "argon2id", mKib: 1_048_576, t: 16, p: 16 });
});

test("the password reaches Argon2id as UTF-8 of its NFC form, whatever was typed", async () => {
  const seen = [];
  const record = async ({ password }) => {
    seen.push(toHex(password));
    return new Uint8Array(32);
  };
  for (const password of ["mật khẩu dài", "mật khẩu dài".normalize("NFD")]) {
    await derivePasswordKeys(input({ password }), record);
  }
  assert.equal(seen[0], seen[1]);
  assert.equal(seen[0], Buffer.from("mật khẩu dài".normalize("NFC")).toString("hex"));
});

test("the address counts without its case and surrounding spaces, the salt in full", async () => {
  const salt16 = makePasswordSalt();
  const salt = toHex(await passwordSalt("Alice@Example.com ", salt16));
  assert.equal(salt, toHex(await passwordSalt("alice@example.com", salt16)));
  assert.notEqual(salt, toHex(await passwordSalt("alicia@example.com", salt16)));
  assert.notEqual(salt, toHex(await passwordSalt("alice@example.com", makePasswordSalt())));
  assert.equal(await refusalOf(() => passwordSalt("a@b", salt16.slice(1))), "malformed");
});

test("the key that is sent and the key that stays have nothing in common", async () => {
  const { authKey, wrappingKey } = await derivePasswordKeys(input(), argon2id);
  assert.equal(authKey.length, 32);
  assert.equal(wrappingKey.length, 32);
  assert.notEqual(toHex(authKey), toHex(wrappingKey));
  const other = await derivePasswordKeys(input({ password: "another password" }), argon2id);
  assert.notEqual(toHex(authKey), toHex(other.authKey));
});

test("parameters are bound in the documented layout", () => {
  const expected = `00000000${"00000008"}617267${"6f6e326964"}${"00000004"}00010000${"00000004"}00000003${"00000004"}00000001`;
  assert.equal(toHex(dumpKdfParams(KDF_DEFAULT)), expected);
});

test("the worker takes the password away and overwrites it", async () => {
  const password = new TextEncoder().encode("a secret");
  const salt = new Uint8Array(32);
  await argon2id({ password, salt, mKib: 65_536, t: 3, p: 1 });
  assert.equal(password.length, 0); // transferred: no copy stays on this side
  assert.equal(salt.length, 0);
});

test("a failing worker fails the call, with a code", async () => {
  const salt = () => new Uint8Array(4); // Argon2 wants eight bytes
  const call = { password: new Uint8Array(1), mKib: 65_536, t: 3, p: 1 };
  assert.equal(await refusalOf(() => argon2id({ ...call, salt: salt() })), "kdf_failed");
  const listeners = {};
  const dead = createArgon2id({
    postMessage() {},
    addEventListener: (type, listener) => {
      listeners[type] = listener;
    },
  });
  const waiting = refusalOf(() => dead({ ...call, salt: salt() }));
  listeners.error({});
  assert.equal(await waiting, "kdf_failed");
});

test("a suggested passphrase is six words and always strong", () => {
  const words = new Set();
  for (let i = 0; i < 500; i += 1) {
    const phrase = makePassphrase();
    assert.match(phrase, /^([blmnrstvw][aeiou]){2}( ([blmnrstvw][aeiou]){2}){5}$/);
    assert.deepEqual(estimateStrength(phrase), { level: 4, hint: "" });
    for (const word of phrase.split(" ")) words.add(word);
  }
  assert.ok(words.size > 1_296); // 3,000 draws from 2,025 words meet about 1,560 of them
});

test("the estimate names what is wrong with a weak password", () => {
  const cases = {
    short: "too_short",
    "xK9#mQ2$v": "too_short",
    password123456: "common",
    "matkhau matkhau": "common",
    "alice@example.com": "personal",
    alicealice1990: "personal",
    aaaaaaaaaaaaaa: "repeated",
    abcabcabcabcabc: "repeated",
    qwertyuiop12: "repeated",
    "0987654321": "repeated",
    mothaibabonnam: "add_words",
  };
  for (const [password, hint] of Object.entries(cases)) {
    const strength = estimateStrength(password, ["alice@example.com", "Alice"]);
    assert.equal(strength.hint, hint, password);
    assert.ok(strength.level <= 1, password);
  }
});

test("the estimate grows with words and mixed characters", () => {
  const level = (password) => estimateStrength(password).level;
  assert.ok(level("correct horse") < level("correct horse battery staple"));
  assert.ok(
    level("correct horse battery staple") < level("correct horse battery staple orbit lamp"),
  );
  assert.ok(level("xK9#mQ2$vLp!aB7%") >= 3);
  assert.equal(level("xK9#mQ2$vLp!aB7%Wd4&"), 4);
  assert.ok(level("a".repeat(10_000)) === 0);
});
