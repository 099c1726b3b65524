import assert from "node:assert/strict";
import { test } from "node:test";

import { makeFileKey } from "../../../frontend/js/crypto/cobblestone.js";
import { makeFileId } from "../../../frontend/js/crypto/file-manifest.js";
import { sealedSize } from "../../../frontend/js/crypto/file-padding.js";
import { makeLinkManifest, readLinkManifest } from "../../../frontend/js/crypto/link-manifest.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { concat, fromUtf8, toBase64url, utf8 } from "../../../frontend/js/lib/bytes.js";
import { makeCertifiedDevice } from "./file-fixtures.js";
import { flip, refusalOf } from "./fixtures.js";

const TRANSFER = randomBytes(16);
const device = await makeCertifiedDevice();
const SIGNER = { ...device.sender, name: "Lan 🌿" };

function file(change = {}) {
  const sizeBytes = change.sizeBytes ?? 1_000;
  return {
    fileId: makeFileId(),
    fileKey: makeFileKey(),
    sizeBytes,
    encryptedBytes: sealedSize(sizeBytes),
    root: randomBytes(32),
    name: "Ảnh chụp.jpg",
    mime: "image/jpeg",
    ...change,
  };
}

const FILES = [file(), file({ name: "notes", mime: "", sizeBytes: 0 })];
const made = (change = {}) =>
  makeLinkManifest({ transferId: TRANSFER, files: FILES, signer: SIGNER, ...change });
const SIGNED = await made();

/** The JSON of a manifest, changed and padded anew. */
function rewritten(content, change) {
  const json = JSON.parse(fromUtf8(content));
  change(json);
  return spaced(JSON.stringify(json));
}

function spaced(text, step = 1_024) {
  const bytes = utf8(text);
  return concat(
    bytes,
    new Uint8Array(Math.ceil(bytes.length / step) * step - bytes.length).fill(32),
  );
}

const refusal = (content, transfer = TRANSFER) =>
  refusalOf(() => readLinkManifest(content, transfer));

/** Another spelling of the same length that decodes to other bytes. */
const changed = (text) => `${text.startsWith("B") ? "C" : "B"}${text.slice(1)}`;

test("S3-20: a manifest brings the files in their order, and who signed them", async () => {
  const { files, from } = await readLinkManifest(SIGNED, TRANSFER);
  assert.deepEqual(files, FILES);
  const { userId, deviceId, accountKey } = device.identity;
  assert.deepEqual({ ...from }, { name: "Lan 🌿", userId, deviceId, accountKey });
});

test("a manifest without a sender says so", async () => {
  const { files, from } = await readLinkManifest(await made({ signer: null }), TRANSFER);
  assert.deepEqual([files, from], [FILES, null]);
});

test("the length of a manifest tells how long its names are to 1,024 bytes only", async () => {
  for (const name of ["a", "a".repeat(200), "\u{1f33f}".repeat(60)]) {
    const content = await made({ files: [file({ name })] });
    assert.equal(content.length % 1_024, 0);
    assert.equal((await readLinkManifest(content, TRANSFER)).files[0].name, name);
  }
  assert.equal((await made({ files: [file({ name: "a" })], signer: null })).length, 1_024);
});

test("the largest manifest there can be fits what the server keeps of a link", async () => {
  const files = Array.from({ length: 10 }, () => file({ name: '"'.repeat(255), mime: longType() }));
  const content = await made({ files, signer: { ...SIGNER, name: "🌿".repeat(64) } });
  assert.equal((await readLinkManifest(content, TRANSFER)).files.length, 10);
  assert.ok(content.length + 28 <= 32 * 1_024, `${content.length} bytes`);
});

const longType = () => `application/${"x".repeat(115)}`;

test("row 20: files renamed, exchanged, reordered, added or left out are not signed", async () => {
  const extra = JSON.parse(fromUtf8(await made({ files: [file()], signer: null }))).files[0];
  const changes = {
    name: ({ files }) => (files[0].name = "photo.exe"),
    mime: ({ files }) => (files[0].mime = "text/html"),
    size: ({ files }) => Object.assign(files[0], { size: 1_001, ct_size: sealedSize(1_001) }),
    root: ({ files }) => (files[0].root = changed(files[0].root)),
    id: ({ files }) => (files[0].file_id = changed(files[0].file_id)),
    order: ({ files }) => files.reverse(),
    added: ({ files }) => files.push(extra),
    "left out": ({ files }) => files.pop(),
    sender: ({ from }) => (from.name = "Binh"),
    signature: ({ from }) => (from.sig = changed(from.sig)),
    possession: ({ from }) => (from.sig_device = changed(from.sig_device)),
    account: ({ from }) => (from.sig_account = changed(from.sig_account)),
  };
  for (const [what, change] of Object.entries(changes)) {
    assert.equal(await refusal(rewritten(SIGNED, change)), "bad_signature", what);
  }
  assert.equal(await refusal(SIGNED, flip(TRANSFER, 0)), "bad_signature", "another transfer");
});

test("row 2: nobody signs for another account, or with the certificate of another device", async () => {
  const other = await makeCertifiedDevice();
  const attempts = {
    "another account": { accountKey: other.sender.accountKey },
    "another device": {
      certificate: other.sender.certificate,
      accountKey: other.sender.accountKey,
    },
    "another key": { signingKey: other.sender.signingKey },
  };
  for (const [what, forged] of Object.entries(attempts)) {
    const content = await made({ signer: { ...SIGNER, ...forged } });
    assert.equal(await refusal(content), "bad_signature", what);
  }
  const cut = ({ from }) => (from.certificate = from.certificate.slice(0, -4));
  assert.equal(await refusal(rewritten(SIGNED, cut)), "bad_signature", "cut off");
  const noPoint = ({ from }) => (from.account_key = toBase64url(new Uint8Array(65)));
  assert.equal(await refusal(rewritten(SIGNED, noPoint)), "bad_key");
});

test("another version is not guessed at", async () => {
  for (const version of [0, 2, -1]) {
    const change = (json) => (json.v = version);
    assert.equal(await refusal(rewritten(SIGNED, change)), "unsupported", String(version));
  }
});

test("a manifest of any other form is refused whole", async () => {
  const inFile = (field, value) => (json) => (json.files[1][field] = value);
  const inSender = (field, value) => (json) => (json.from[field] = value);
  const entry = JSON.parse(fromUtf8(SIGNED)).files[0];
  const changes = [
    ...["1", 1.5, true, null, undefined].map((value) => (json) => (json.v = value)),
    (json) => delete json.files,
    (json) => (json.files = { length: 1, 0: entry }),
    (json) => (json.files = []),
    (json) => (json.files = Array.from({ length: 11 }, () => entry)),
    (json) => json.files.push(entry),
    (json) => (json.more = 1),
    inFile("sig", "A"),
    inSender("more", null),
    (json) => (json.files[1] = null),
    (json) => (json.files[1] = "file"),
    (json) => delete json.from,
    (json) => (json.from = "Lan"),
    (json) => (json.from = []),
    (json) => (json.from = false),
    ...["file_id", "key", "root", "size", "ct_size", "name", "mime"].flatMap((field) =>
      [undefined, null, 1, "", "A", "A===", [entry[field]], { length: 22 }]
        .filter((value) => !(field === "size" && value === 1))
        .filter((value) => !(field === "name" && value !== "" && typeof value === "string"))
        .filter((value) => !(field === "mime" && value === ""))
        .map((value) => inFile(field, value)),
    ),
    ...[-1, 0.5, 2 ** 53, 1e300, "1000"].map((value) => inFile("size", value)),
    ...["..", "a/b", "a\\b", "a\u202eb", "a\u0000b", "\ud800", "x".repeat(256)].map((value) =>
      inFile("name", value),
    ),
    ...["TEXT/HTML", "text", "text/html; charset=utf-8"].map((value) => inFile("mime", value)),
    inFile("size", 300), // of a ciphertext with 256 bytes in it
    inFile("ct_size", sealedSize(1_000)),
    ...["account_key", "certificate", "sig_account", "sig_device", "sig"].flatMap((field) =>
      [undefined, null, 1, "A", []].map((value) => inSender(field, value)),
    ),
    ...["account_key", "sig_account", "sig_device", "sig"].map((field) => inSender(field, "AAAA")),
    ...[undefined, null, 1, "", "\ud800", "a\nb", "a\u202eb", "x".repeat(65)].map((value) =>
      inSender("name", value),
    ),
  ];
  for (const change of changes) {
    assert.equal(await refusal(rewritten(SIGNED, change)), "auth-failed", String(change));
  }
});

test("one content has one form: padding, encoding and JSON are what they should be", async () => {
  const json = fromUtf8(SIGNED).trimEnd();
  const contents = {
    "no padding": utf8(json),
    "a step more": concat(SIGNED, new Uint8Array(1_024).fill(32)),
    "another step": spaced(json, 1_000),
    zeros: concat(utf8(json), new Uint8Array(SIGNED.length - utf8(json).length)),
    empty: new Uint8Array(0),
    "not JSON": spaced("{"),
    "no object": spaced("[]"),
    null: spaced("null"),
    "two objects": spaced("{} {}"),
    "a space inside": spaced(json.replace(",", ", ")),
    "another order": spaced(`{${json.slice(7, -1)},"v":1}`),
    "a field twice": spaced(json.replace("{", '{"v":1,')),
    "an escape too much": spaced(json.replace("Lan", "L\\u0061n")),
    "another number": spaced(json.replace('"size":1000', '"size":1e3')),
    "a line after it": spaced(`${json}\n`),
    "not UTF-8": concat(Uint8Array.of(0xff), SIGNED.slice(1)),
    "a mark before it": spaced(`\ufeff${json}`),
  };
  for (const [what, content] of Object.entries(contents)) {
    assert.equal(await refusal(content), "auth-failed", what);
  }
});

test("what no opener takes is not made either", async () => {
  const wrong = [
    { files: [] },
    { files: Array.from({ length: 11 }, () => file()) },
    { files: [FILES[0], FILES[0]] },
    { files: [file({ name: "../x" })] },
    { files: [file({ mime: "TEXT/HTML" })] },
    { files: [file({ encryptedBytes: 1 })] },
    { signer: { ...SIGNER, name: "" } },
    { signer: { ...SIGNER, name: "🌿".repeat(65) } },
    { signer: { ...SIGNER, name: "\ud800" } },
    { signer: { ...SIGNER, name: "Lan\u0000" } },
  ];
  for (const change of wrong) assert.equal(await refusalOf(() => made(change)), "malformed");
});
