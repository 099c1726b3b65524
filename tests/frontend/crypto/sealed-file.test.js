import assert from "node:assert/strict";
import { after, test } from "node:test";

import { KDF_DEFAULT, MAX_SLOTS } from "../../../frontend/js/crypto/constants.js";
import { lengthPrefixed, lengthPrefixedAll, tuple } from "../../../frontend/js/crypto/encoding.js";
import { pad } from "../../../frontend/js/crypto/padding.js";
import { dumpKdfParams } from "../../../frontend/js/crypto/password.js";
import { aeadSeal, randomBytes, sha256 } from "../../../frontend/js/crypto/primitives.js";
import {
  openSealed,
  readSealed,
  sealFile,
  sealHead,
} from "../../../frontend/js/crypto/sealed-file.js";
import { dumpHeader, readHead } from "../../../frontend/js/crypto/sealed-file-head.js";
import {
  openForDevice,
  passphraseKey,
  sealForDevices,
} from "../../../frontend/js/crypto/sealed-file-keys.js";
import {
  openManifest,
  sealManifest,
  splitKey,
} from "../../../frontend/js/crypto/sealed-file-manifest.js";
import { concat, u32, utf8 } from "../../../frontend/js/lib/bytes.js";
import { openArgon2id } from "./argon2-in-process.js";
import { collect, inPieces, makeCertifiedDevice, pattern } from "./file-fixtures.js";
import { flip, NOW_MS, refusalOf } from "./fixtures.js";

const { argon2id, close } = await openArgon2id();
after(close);

const [ALICE, BOB, CAROL] = await Promise.all([
  makeCertifiedDevice(),
  makeCertifiedDevice(),
  makeCertifiedDevice(),
]);
const PEOPLE = {
  kind: "people",
  recipients: [BOB.identity, CAROL.identity],
  sender: ALICE.sender,
};
const PASSPHRASE = { kind: "passphrase", passphrase: "six plain words", argon2id };
const CONTENT = pattern(40_000);
const NAMES = { name: "Báo cáo.pdf", mime: "application/pdf" };

async function seal(sealing, content = CONTENT, change = {}) {
  const body = [];
  const pieces = inPieces(content, 7_000);
  const file = { ...NAMES, sizeBytes: content.length, pieces, sealedAtMs: NOW_MS, ...change };
  const head = await sealFile(file, sealing, async (piece) => {
    body.push(piece);
  });
  return concat(head, ...body);
}

const readAt = (bytes) => async (offset, length) => bytes.slice(offset, offset + length);

async function openAs(bytes, keyOf) {
  const head = await readHead(readAt(bytes));
  const opened = await openSealed(head, await keyOf(head.header), bytes.length);
  const content = await collect(readSealed(opened, inPieces(bytes.slice(head.sizeBytes), 5_000)));
  return { ...opened, content };
}

const openWith = (bytes, { identity, agreement }) =>
  openAs(bytes, (header) => openForDevice(header, identity, agreement.privateKey));
const openBy = (bytes, passphrase) =>
  openAs(bytes, (header) => passphraseKey(header, passphrase, argon2id));

test("a second head makes the same content readable for others, and for nobody else", async () => {
  const bytes = await seal({ ...PEOPLE, recipients: [BOB.identity] });
  const first = await openWith(bytes, BOB);
  const sealing = { ...PEOPLE, recipients: [CAROL.identity] };
  const head = await sealHead(first.fileId, first.manifest, sealing);
  const { sizeBytes } = await readHead(readAt(bytes));
  const again = concat(head, bytes.slice(sizeBytes));
  assert.deepEqual((await openWith(again, CAROL)).content, CONTENT);
  assert.equal(await refusalOf(() => openWith(again, BOB)), "no-session");
});

for (const length of [0, 1, 16_384, 40_000]) {
  test(`S3-1, S3-4: ${length} bytes reach every recipient, with name, time and sender`, async () => {
    const bytes = await seal(PEOPLE, pattern(length));
    for (const recipient of [BOB, CAROL]) {
      const { manifest, sender, content } = await openWith(bytes, recipient);
      assert.deepEqual(content, pattern(length));
      assert.equal(manifest.name, NAMES.name);
      assert.equal(manifest.mime, NAMES.mime);
      assert.equal(manifest.sealedAtMs, NOW_MS);
      assert.deepEqual(sender.userId, ALICE.account.userId);
      assert.deepEqual(sender.accountKey, ALICE.account.publicKey);
    }
  });
}

test("S3-7: neither strangers nor the sender open what was sealed for others", async () => {
  const bytes = await seal(PEOPLE);
  for (const other of [ALICE, await makeCertifiedDevice()]) {
    assert.equal(await refusalOf(() => openWith(bytes, other)), "no-session");
  }
  const sameKeys = { ...BOB, identity: { ...BOB.identity, userId: randomBytes(16) } };
  assert.equal(await refusalOf(() => openWith(bytes, sameKeys)), "no-session");
});

test("a passphrase opens it in any spelling of its letters; another one does not", async () => {
  const bytes = await seal({ ...PASSPHRASE, passphrase: "mật khẩu chung".normalize("NFD") });
  const { content, sender } = await openBy(bytes, "mật khẩu chung".normalize("NFC"));
  assert.deepEqual(content, CONTENT);
  assert.equal(sender, null);
  assert.equal(await refusalOf(() => openBy(bytes, "mat khau chung")), "no-session");
});

test("row 19: every byte of the head matters, and bytes all over the content", async () => {
  const bytes = await seal(PEOPLE, pattern(100));
  const { sizeBytes } = await readHead(readAt(bytes));
  for (let i = 0; i < bytes.length; i += i < sizeBytes ? 1 : 7) {
    const refusal = await refusalOf(() => openWith(flip(bytes, i, i % 8), BOB));
    // Of the slots, Bob's device needs only its own; the others are held by the signature.
    assert.notEqual(refusal, "accepted", `byte ${i}`);
  }
});

test("row 20: a file cut, extended or joined from two is refused", async () => {
  const [one, other] = [await seal(PEOPLE), await seal(PEOPLE)];
  const { sizeBytes } = await readHead(readAt(one));
  const wrong = {
    cut: one.slice(0, -1),
    withoutContent: one.slice(0, sizeBytes),
    extended: concat(one, new Uint8Array(1)),
    joined: concat(one.slice(0, sizeBytes), other.slice(sizeBytes)),
  };
  for (const [name, bytes] of Object.entries(wrong)) {
    assert.equal(await refusalOf(() => openWith(bytes, BOB)), "auth-failed", name);
  }
  for (const end of [5, 7]) {
    const cut = () => openWith(one.slice(0, end), BOB);
    assert.equal(await refusalOf(cut), end < 6 ? "not_sealed" : "unsupported");
  }
  for (const end of [9, 12, 100, sizeBytes - 1]) {
    assert.equal(await refusalOf(() => openWith(one.slice(0, end), BOB)), "auth-failed");
  }
});

test("another version or kind is refused, and any other file is told apart", async () => {
  const bytes = await seal(PEOPLE);
  const changed = (index, value) => Object.assign(bytes.slice(), { [index]: value });
  assert.equal(await refusalOf(() => openWith(changed(6, 2), BOB)), "unsupported");
  assert.equal(await refusalOf(() => openWith(changed(7, 3), BOB)), "unsupported");
  assert.equal(await refusalOf(() => openWith(utf8("%PDF-1.7 and so on"), BOB)), "not_sealed");
  assert.equal(await refusalOf(() => openWith(new Uint8Array(0), BOB)), "not_sealed");
});

/** What Bob can make of a file he has opened: everything but a signature of Alice. */
async function reseal(bytes, change) {
  const head = await readHead(readAt(bytes));
  const key = await openForDevice(head.header, BOB.identity, BOB.agreement.privateKey);
  const { manifest } = await openManifest(key, head);
  const sealed = await change({ key, head, manifest });
  const prefix = bytes.slice(0, head.sizeBytes - 4 - head.sealedManifest.length);
  return concat(
    sealed.prefix ?? prefix,
    lengthPrefixed(sealed.manifest),
    bytes.slice(head.sizeBytes),
  );
}

test("row 20: a recipient cannot rename it in the sender's name", async () => {
  const forger = { ...ALICE.sender, signingKey: BOB.signing.privateKey };
  const bytes = await reseal(await seal(PEOPLE), async ({ key, head, manifest }) => ({
    manifest: await sealManifest(key, head.binding, { ...manifest, name: "invoice.pdf" }, forger),
  }));
  assert.equal(await refusalOf(() => openWith(bytes, CAROL)), "bad_signature");
});

test("a recipient cannot seal it on to somebody else in the sender's name", async () => {
  const stranger = await makeCertifiedDevice();
  const forger = { ...ALICE.sender, signingKey: BOB.signing.privateKey };
  const bytes = await reseal(await seal(PEOPLE), async ({ head, manifest }) => {
    const { key, prefix } = await sealForDevices(head.header.fileId, [stranger.identity]);
    return { prefix, manifest: await sealManifest(key, await sha256(prefix), manifest, forger) };
  });
  assert.equal(await refusalOf(() => openWith(bytes, stranger)), "bad_signature");
});

test("a recipient cannot change the content for the others", async () => {
  const honest = await seal(PEOPLE);
  const head = await readHead(readAt(honest));
  const key = await openForDevice(head.header, BOB.identity, BOB.agreement.privateKey);
  const { fileId, manifest } = await openSealed(head, key, honest.length);
  const { encryptFile } = await import("../../../frontend/js/crypto/cobblestone.js");
  const { fileContext } = await import("../../../frontend/js/crypto/file-manifest.js");
  const { padFile } = await import("../../../frontend/js/crypto/file-padding.js");
  const forged = padFile(inPieces(CONTENT.map((byte) => byte ^ 1)), CONTENT.length);
  const body = await collect(encryptFile(manifest.fileKey, fileContext(fileId), forged));
  const bytes = concat(honest.slice(0, head.sizeBytes), body);
  assert.equal(await refusalOf(() => openWith(bytes, CAROL)), "auth-failed");
});

test("a signature is neither left out nor added", async () => {
  const unsigned = await reseal(await seal(PEOPLE), async ({ key, head, manifest }) => ({
    manifest: await sealManifest(key, head.binding, manifest, null),
  }));
  assert.equal(await refusalOf(() => openWith(unsigned, CAROL)), "auth-failed");

  const bytes = await seal(PASSPHRASE);
  const head = await readHead(readAt(bytes));
  const key = await passphraseKey(head.header, PASSPHRASE.passphrase, argon2id);
  const { manifest } = await openManifest(key, head);
  const sealedManifest = await sealManifest(key, head.binding, manifest, ALICE.sender);
  const opening = () => openManifest(key, { ...head, sealedManifest });
  assert.equal(await refusalOf(opening), "auth-failed");
});

test("a certificate of another account vouches for nobody", async () => {
  const wrong = [
    { accountKey: BOB.account.publicKey },
    { certificate: { ...ALICE.sender.certificate, body: tuple("", utf8("no certificate")) } },
    { certificate: BOB.sender.certificate },
  ];
  for (const change of wrong) {
    const bytes = await seal({ ...PEOPLE, sender: { ...ALICE.sender, ...change } });
    assert.equal(await refusalOf(() => openWith(bytes, BOB)), "bad_signature");
  }
  const offCurve = Uint8Array.of(4, ...new Uint8Array(64));
  const bytes = await seal({ ...PEOPLE, sender: { ...ALICE.sender, accountKey: offCurve } });
  assert.equal(await refusalOf(() => openWith(bytes, BOB)), "bad_key");
});

test("manifests that are not well formed are refused", async () => {
  const [key, binding] = [randomBytes(32), randomBytes(32)];
  const { manifestKey, commitment } = await splitKey(key);
  const body = (...fields) => tuple("SEAL1/sealed-file/manifest", ...fields);
  const time = new Uint8Array(8);
  const start = [randomBytes(32), time, randomBytes(32), time];
  const named = [...start, utf8("a.txt"), utf8("")];
  const signer = [BOB.account.publicKey, utf8("body"), randomBytes(64), randomBytes(64)];
  const unsigned = new Uint8Array(0);
  const contents = {
    nothing: [],
    noSignature: [body(...named)],
    more: [body(...named), unsigned, unsigned],
    noName: [body(...start), unsigned],
    noType: [body(...start, utf8("a.txt")), unsigned],
    unsafeName: [body(...start, utf8("../a"), utf8("")), unsigned],
    halfSigner: [body(...named, ...signer.slice(0, 2)), randomBytes(64)],
    longSigner: [body(...named, ...signer, unsigned), randomBytes(64)],
    shortSignature: [body(...named), randomBytes(63)],
    otherLabel: [tuple("SEAL1/sealed-file", ...named), unsigned],
  };
  for (const kind of ["people", "passphrase"]) {
    for (const [name, fields] of Object.entries(contents)) {
      const content = pad(lengthPrefixedAll(fields));
      const sealedManifest = concat(commitment, await aeadSeal(manifestKey, content, binding));
      const head = { header: { kind }, binding, sealedManifest };
      assert.equal(await refusalOf(() => openManifest(key, head)), "auth-failed", name);
    }
  }
});

test("headers that are not well formed are refused", async () => {
  const fileId = randomBytes(16);
  const point = BOB.agreement.publicKey;
  const [slot, params] = [randomBytes(60), dumpKdfParams(KDF_DEFAULT)];
  const headers = [
    dumpHeader("people", fileId, [point]),
    dumpHeader("people", fileId, [point, randomBytes(59)]),
    dumpHeader("people", fileId, [point, ...Array.from({ length: MAX_SLOTS + 1 }, () => slot)]),
    dumpHeader("people", fileId.slice(1), [point, slot]),
    dumpHeader("passphrase", fileId, []),
    dumpHeader("passphrase", fileId, [params, params]),
    dumpHeader("passphrase", fileId, [params.slice(1)]),
    dumpHeader("passphrase", fileId, [concat(params, lengthPrefixed(params))]),
    concat(dumpHeader("people", fileId, [point, slot]).slice(0, 8), u32(131_073)),
    concat(dumpHeader("people", fileId, [point, slot]), u32(16_385)),
  ];
  for (const bytes of headers) {
    const reading = () => readHead(readAt(concat(bytes, new Uint8Array(200_000))));
    assert.equal(await refusalOf(reading), "auth-failed");
  }
});

test("an ephemeral key that is none opens nothing", async () => {
  const header = { fileId: randomBytes(16), ephemeralKey: new Uint8Array(65), slots: [] };
  const opening = () => openForDevice(header, BOB.identity, BOB.agreement.privateKey);
  assert.equal(await refusalOf(opening), "no-session");
});

test("row 21: a file cannot ask for weak or ruinous stretching", async () => {
  for (const change of [{ mKib: 8 }, { t: 1 }, { mKib: 2 ** 31 }, { alg: "argon2ix" }]) {
    const header = { fileId: randomBytes(16), params: { ...KDF_DEFAULT, ...change } };
    const stretching = () => passphraseKey(header, "six plain words", argon2id);
    assert.equal(await refusalOf(stretching), "weak_kdf");
  }
});

test("nobody, too many, or an unsafe name is not sealed", async () => {
  const many = Array.from({ length: MAX_SLOTS + 1 }, () => BOB.identity);
  assert.equal(await refusalOf(() => seal({ ...PEOPLE, recipients: [] })), "malformed");
  assert.equal(await refusalOf(() => seal({ ...PEOPLE, recipients: many })), "malformed");
  assert.equal(await refusalOf(() => seal(PEOPLE, CONTENT, { name: "a/b" })), "malformed");
  assert.equal(await refusalOf(() => seal(PEOPLE, CONTENT, { mime: "TEXT" })), "malformed");
  assert.equal(await refusalOf(() => seal(PEOPLE, CONTENT, { sizeBytes: 1 })), "file_changed");
});

test("the same file for the same people never looks the same twice", async () => {
  const [one, other] = [await seal(PEOPLE), await seal(PEOPLE)];
  assert.equal(one.length, other.length);
  const same = one.filter((byte, i) => byte === other[i]).length;
  assert.ok(same < one.length / 16);
});
