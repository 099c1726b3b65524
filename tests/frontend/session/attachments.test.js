import assert from "node:assert/strict";
import { before, test } from "node:test";

import { makeFileKey } from "../../../frontend/js/crypto/cobblestone.js";
import { generateSigningKeyPair } from "../../../frontend/js/crypto/curve.js";
import { makeFileId, signManifest } from "../../../frontend/js/crypto/file-manifest.js";
import { sealedSize } from "../../../frontend/js/crypto/file-padding.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { toBase64url } from "../../../frontend/js/lib/bytes.js";
import { hintsOf, readFiles, toAttachment } from "../../../frontend/js/session/attachments.js";

const CONTEXT = {
  roomId: randomBytes(32),
  msgId: randomBytes(16),
  senderUser: randomBytes(16),
  senderDevice: randomBytes(16),
};
const HERE = { state: "here", doneBytes: 0, failure: null };
let device;
let record;

before(async () => {
  device = await generateSigningKeyPair();
  const manifest = {
    fileId: makeFileId(),
    fileKey: makeFileKey(),
    sizeBytes: 1_000,
    encryptedBytes: sealedSize(1_000),
    root: randomBytes(32),
    name: "photo.jpg",
    mime: "image/jpeg",
  };
  record = await signManifest(manifest, CONTEXT, device.privateKey);
});

const read = (files, key = device.publicKey) =>
  readFiles({ t: "files", body: "", files }, CONTEXT, key);

test("row 20: a file that another device signed, or that was renamed, is from the wrong sender", async () => {
  const other = await generateSigningKeyPair();
  const renamed = { ...record, name: "invoice.jpg" };
  assert.equal((await read([record]))[0].verdict, null);
  assert.equal((await read([record], other.publicKey))[0].verdict, "wrong-sender");
  const verdicts = (await read([record, renamed])).map(({ verdict }) => verdict);
  assert.deepEqual(verdicts, [null, "wrong-sender"]);
});

test("what a sender says of its own verdict is not heard", async () => {
  assert.equal((await read([{ ...record, verdict: "gone" }]))[0].verdict, null);
});

test("files of another form than the documented one make a message of a newer kind", async () => {
  const forms = {
    "no list": undefined,
    "an empty list": [],
    "a short key": [{ ...record, key: "AAAA" }],
    "a size that does not fit": [{ ...record, size: 5_000 }],
    "a name with a separator": [{ ...record, name: "../photo.jpg" }],
    "a thumbnail that is too large": [{ ...record, thumb: "A".repeat(16_385) }],
    "a wave of another length": [{ ...record, wave: toBase64url(new Uint8Array(63)) }],
    "a width that is none": [{ ...record, width: -1 }],
  };
  for (const [name, files] of Object.entries(forms)) assert.equal(await read(files), null, name);
});

test("of more than ten files the first ten are read", async () => {
  assert.equal((await read(Array.from({ length: 11 }, () => record))).length, 10);
});

test("hints are carried as they were said", async () => {
  const wave = Uint8Array.from({ length: 64 }, (_, i) => i);
  const thumb = new Blob([Uint8Array.of(1, 2, 3)]);
  const hints = await hintsOf({ thumb, wave, width: 3, height: 4, durationMs: 5_000 });
  const [carried] = await read([{ ...record, ...hints }]);
  const shown = toAttachment(carried, 0, HERE);
  assert.deepEqual([shown.width, shown.height, shown.durationMs], [3, 4, 5_000]);
  assert.deepEqual(shown.wave, wave);
  assert.deepEqual([shown.thumb.type, shown.thumb.size], ["image/jpeg", 3]);
});

test("hints that no receiver would take are refused before anything is encrypted", async () => {
  const plain = { thumb: null, wave: null, width: null, height: null, durationMs: null };
  const thumb = new Blob([new Uint8Array(12_289)]);
  await assert.rejects(hintsOf({ ...plain, thumb }), { code: "bad_request" });
  await assert.rejects(hintsOf({ ...plain, wave: new Uint8Array(63) }), { code: "bad_request" });
});
