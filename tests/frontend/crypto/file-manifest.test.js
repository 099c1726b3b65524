import assert from "node:assert/strict";
import { test } from "node:test";

import {
  makeFileId,
  signManifest,
  verdictOf,
  verifyManifest,
} from "../../../frontend/js/crypto/file-manifest.js";
import { makeFileKey } from "../../../frontend/js/crypto/cobblestone.js";
import { sealedSize } from "../../../frontend/js/crypto/file-padding.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { AppError, DecryptError } from "../../../frontend/js/lib/errors.js";
import { makeCertifiedDevice } from "./file-fixtures.js";
import { flip, refusalOf } from "./fixtures.js";

const CONTEXT = {
  roomId: randomBytes(32),
  msgId: randomBytes(16),
  senderUser: randomBytes(16),
  senderDevice: randomBytes(16),
};
const MANIFEST = {
  fileId: makeFileId(),
  fileKey: makeFileKey(),
  sizeBytes: 1_000,
  encryptedBytes: sealedSize(1_000),
  root: randomBytes(32),
  name: "photo.jpg",
  mime: "image/jpeg",
};

test("S3-2: a manifest verifies for its message and device", async () => {
  const { signing } = await makeCertifiedDevice();
  const record = await signManifest(MANIFEST, CONTEXT, signing.privateKey);
  assert.deepEqual(await verifyManifest(record, CONTEXT, signing.publicKey), MANIFEST);
});

test("row 20: a file renamed, enlarged, exchanged or passed on is not from that device", async () => {
  const { signing } = await makeCertifiedDevice();
  const record = await signManifest(MANIFEST, CONTEXT, signing.privateKey);
  const changes = [
    { name: "photo.exe" },
    { mime: "text/html" },
    { size: 1_001, ct_size: sealedSize(1_001) },
    { root: `${record.root.slice(0, -1)}${record.root.endsWith("A") ? "E" : "A"}` },
    {
      file_id: (
        await signManifest({ ...MANIFEST, fileId: makeFileId() }, CONTEXT, signing.privateKey)
      ).file_id,
    },
  ];
  for (const change of changes) {
    const verifying = () => verifyManifest({ ...record, ...change }, CONTEXT, signing.publicKey);
    assert.equal(await refusalOf(verifying), "bad_signature", Object.keys(change)[0]);
  }
  for (const field of Object.keys(CONTEXT)) {
    const elsewhere = { ...CONTEXT, [field]: flip(CONTEXT[field], 0) };
    const verifying = () => verifyManifest(record, elsewhere, signing.publicKey);
    assert.equal(await refusalOf(verifying), "bad_signature", field);
  }
  const other = await makeCertifiedDevice();
  const verifying = () => verifyManifest(record, CONTEXT, other.signing.publicKey);
  assert.equal(await refusalOf(verifying), "bad_signature");
});

test("a manifest that no receiver takes is not made either", async () => {
  const { signing } = await makeCertifiedDevice();
  const wrong = [
    { sizeBytes: -1 },
    { sizeBytes: 1.5 },
    { encryptedBytes: 1 },
    { name: "../x" },
    { mime: "TEXT/HTML" },
  ];
  for (const change of wrong) {
    const signingIt = () => signManifest({ ...MANIFEST, ...change }, CONTEXT, signing.privateKey);
    assert.equal(await refusalOf(signingIt), "malformed");
  }
});

test("what went wrong is told as a verdict, or not at all", () => {
  assert.equal(verdictOf(new AppError("bad_signature")), "wrong-sender");
  assert.equal(verdictOf(new AppError("bad_key")), "wrong-sender");
  assert.equal(verdictOf(new DecryptError("auth-failed")), "damaged");
  assert.equal(verdictOf(new AppError("malformed")), "damaged");
  assert.equal(verdictOf(new AppError("storage_failed")), null);
  assert.equal(verdictOf(new TypeError("bug")), null);
});
