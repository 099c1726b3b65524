import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  makeBackupKey,
  openIdentity,
  sealIdentity,
  unwrapBackupKey,
  wrapBackupKey,
} from "../../../frontend/js/crypto/backup.js";
import { KDF_DEFAULT } from "../../../frontend/js/crypto/constants.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import {
  dumpRecoveryCode,
  makeRecoverySecret,
  parseRecoveryCode,
  recoveryKey,
} from "../../../frontend/js/crypto/recovery-code.js";
import { concat, fromHex, toHex, utf8 } from "../../../frontend/js/lib/bytes.js";
import { flip, refusalOf } from "./fixtures.js";

const PASSWORD = { method: "password", params: KDF_DEFAULT };
const RECOVERY = { method: "recovery" };

async function wrapped(method = PASSWORD) {
  const [userId, wrappingKey] = [randomBytes(16), randomBytes(32)];
  const backup = makeBackupKey();
  const wrap = await wrapBackupKey(backup, userId, method, wrappingKey);
  return { userId, wrappingKey, backup, wrap };
}

for (const method of [PASSWORD, RECOVERY, { method: "passkey" }]) {
  test(`what the ${method.method} wraps, the ${method.method} opens`, async () => {
    const { userId, wrappingKey, backup, wrap } = await wrapped(method);
    assert.equal(wrap.length, 60);
    const opened = await unwrapBackupKey(wrap, backup.brkId, userId, method, wrappingKey);
    assert.deepEqual(opened, backup);
  });
}

test("row 19: every byte of a wrap matters", async () => {
  const { userId, wrappingKey, backup, wrap } = await wrapped();
  for (let i = 0; i < wrap.length; i += 1) {
    const bad = flip(wrap, i, i % 8);
    const open = () => unwrapBackupKey(bad, backup.brkId, userId, PASSWORD, wrappingKey);
    assert.equal(await refusalOf(open), "auth-failed", `byte ${i}`);
  }
});

test("row 5: a wrap opens for its user, backup, method and parameters only", async () => {
  const { userId, wrappingKey, backup, wrap } = await wrapped();
  const stronger = { method: "password", params: { ...KDF_DEFAULT, t: 4 } };
  const attempts = [
    [flip(backup.brkId, 0), userId, PASSWORD, wrappingKey],
    [backup.brkId, flip(userId, 0), PASSWORD, wrappingKey],
    [backup.brkId, userId, RECOVERY, wrappingKey],
    [backup.brkId, userId, stronger, wrappingKey],
    [backup.brkId, userId, PASSWORD, flip(wrappingKey, 0)],
  ];
  for (const attempt of attempts) {
    assert.equal(await refusalOf(() => unwrapBackupKey(wrap, ...attempt)), "auth-failed");
  }
});

test("row 5: a wrap for one method is none for another, even when neither has parameters", async () => {
  const { userId, wrappingKey, backup, wrap } = await wrapped(RECOVERY);
  const passkey = { method: "passkey" };
  const open = () => unwrapBackupKey(wrap, backup.brkId, userId, passkey, wrappingKey);
  assert.equal(await refusalOf(open), "auth-failed");
});

test("row 21: a wrap with parameters below the floor is neither made nor opened", async () => {
  const { userId, wrappingKey, backup, wrap } = await wrapped();
  const weak = { method: "password", params: { ...KDF_DEFAULT, mKib: 65_535 } };
  const open = () => unwrapBackupKey(wrap, backup.brkId, userId, weak, wrappingKey);
  assert.equal(await refusalOf(open), "weak_kdf");
  assert.equal(
    await refusalOf(async () => wrapBackupKey(backup, userId, weak, wrappingKey)),
    "weak_kdf",
  );
});

test("an identity opens under its own backup key, user and nothing else", async () => {
  const { userId, backup } = await wrapped();
  const sealed = await sealIdentity(backup, userId, utf8("identity"));
  assert.deepEqual(await openIdentity(backup, userId, sealed), utf8("identity"));
  const others = [
    [makeBackupKey(), userId],
    [{ ...backup, brkId: randomBytes(16) }, userId],
    [backup, randomBytes(16)],
  ];
  for (const [other, user] of others) {
    assert.equal(await refusalOf(() => openIdentity(other, user, sealed)), "auth-failed");
  }
});

test("row 19: every byte of a sealed identity matters, and a server cannot make one", async () => {
  const { userId, backup } = await wrapped();
  const sealed = await sealIdentity(backup, userId, utf8("identity"));
  for (let i = 0; i < sealed.length; i += 1) {
    const bad = flip(sealed, i, i % 8);
    assert.equal(await refusalOf(() => openIdentity(backup, userId, bad)), "auth-failed");
  }
  const invented = randomBytes(sealed.length);
  assert.equal(await refusalOf(() => openIdentity(backup, userId, invented)), "auth-failed");
});

test("a wrap is no sealed identity and a sealed identity no wrap", async () => {
  const { userId, wrappingKey, backup, wrap } = await wrapped();
  const sealed = await sealIdentity(backup, userId, randomBytes(32));
  assert.equal(await refusalOf(() => openIdentity(backup, userId, wrap)), "auth-failed");
  const open = () => unwrapBackupKey(sealed, backup.brkId, userId, PASSWORD, wrappingKey);
  assert.equal(await refusalOf(open), "auth-failed");
});

test("a wrapped key of another length is refused", async () => {
  const { userId, wrappingKey, backup } = await wrapped();
  const short = await wrapBackupKey(
    { ...backup, brk: randomBytes(31) },
    userId,
    RECOVERY,
    wrappingKey,
  );
  const open = () => unwrapBackupKey(short, backup.brkId, userId, RECOVERY, wrappingKey);
  assert.equal(await refusalOf(open), "auth-failed");
});

test("a recovery code reads back, however it is typed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 16, maxLength: 16 }), async (secret) => {
      const code = await dumpRecoveryCode(secret);
      assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){6}$/);
      const typed = [
        code.toLowerCase(),
        code.replaceAll("-", ""),
        code.replaceAll("-", " "),
        ` ${code}\n`,
        code.replaceAll("0", "O").replaceAll("1", "I"),
        code.replaceAll("0", "o").replaceAll("1", "l"),
      ];
      for (const text of [code, ...typed]) assert.deepEqual(await parseRecoveryCode(text), secret);
    }),
    { numRuns: 25 },
  );
});

test("a typing error in a recovery code is found", async () => {
  const code = await dumpRecoveryCode(fromHex("000102030405060708090a0b0c0d0e0f"));
  let missed = 0;
  for (let i = 0; i < code.length; i += 1) {
    if (code[i] === "-") continue;
    const typo = code.slice(0, i) + (code[i] === "Z" ? "Y" : "Z") + code.slice(i + 1);
    if ((await refusalOf(() => parseRecoveryCode(typo))) === "accepted") missed += 1;
  }
  assert.equal(missed, 0);
  const neighbours = code.slice(0, 6) + code[7] + code[6] + code.slice(8);
  assert.equal(await refusalOf(() => parseRecoveryCode(neighbours)), "bad_recovery_code");
});

test("a recovery code of another length or alphabet is refused", async () => {
  const code = await dumpRecoveryCode(makeRecoverySecret());
  const bad = [
    "",
    code.slice(1),
    `${code}0`,
    code.replace(/^./, "U"),
    code.replace(/^./, "é"),
    "😀",
  ];
  for (const text of bad) {
    assert.equal(await refusalOf(() => parseRecoveryCode(text)), "bad_recovery_code", text);
  }
  assert.equal(await refusalOf(() => dumpRecoveryCode(randomBytes(15))), "malformed");
});

test("one code gives different keys for different accounts", async () => {
  const secret = makeRecoverySecret();
  const keys = await Promise.all([1, 2].map(() => recoveryKey(randomBytes(16), secret)));
  assert.notEqual(toHex(keys[0]), toHex(keys[1]));
  assert.notEqual(toHex(concat(secret)), toHex(makeRecoverySecret()));
});
