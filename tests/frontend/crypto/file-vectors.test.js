import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";

import { decryptFile, encryptFile } from "../../../frontend/js/crypto/cobblestone.js";
import { fileContext, verifyManifest } from "../../../frontend/js/crypto/file-manifest.js";
import { unpadFile } from "../../../frontend/js/crypto/file-padding.js";
import { fileRoot, PartHasher } from "../../../frontend/js/crypto/file-root.js";
import * as link from "../../../frontend/js/crypto/link.js";
import { agree } from "../../../frontend/js/crypto/curve.js";
import { sha256 } from "../../../frontend/js/crypto/primitives.js";
import { openSealed, readSealed } from "../../../frontend/js/crypto/sealed-file.js";
import { readHead } from "../../../frontend/js/crypto/sealed-file-head.js";
import {
  openForDevice,
  passphraseKey,
  slotKey,
} from "../../../frontend/js/crypto/sealed-file-keys.js";
import { splitKey } from "../../../frontend/js/crypto/sealed-file-manifest.js";
import { fromBase64url, fromHex, fromUtf8, toHex } from "../../../frontend/js/lib/bytes.js";
import { openArgon2id } from "./argon2-in-process.js";
import { collect, inPieces, pattern } from "./file-fixtures.js";
import { goldenIdentity, goldenPair } from "./fixtures.js";

const read = async (name) =>
  JSON.parse(await readFile(new URL(`../../vectors/${name}.json`, import.meta.url), "utf8"));
const [keys, vectors] = [await read("seal1"), await read("seal_file")];
const { argon2id, close } = await openArgon2id();
after(close);
const CONTENT = pattern(300);

async function rootOf(fileId, bytes) {
  const hasher = new PartHasher();
  await hasher.update(bytes);
  return toHex(await fileRoot(fileId, await hasher.finish()));
}

test("reproduces the chunked encryption", async () => {
  const {
    file_key: key,
    file_id: fileId,
    salt,
    plaintext_bytes: length,
    ...out
  } = vectors.cobblestone;
  const context = fileContext(fromHex(fileId));
  const plaintext = inPieces(pattern(length));
  const bytes = await collect(
    encryptFile(fromHex(key), context, plaintext, { salt: fromHex(salt) }),
  );
  assert.equal(toHex(bytes.slice(0, 56)), out.prefix);
  assert.equal(bytes.length, out.ciphertext_bytes);
  assert.equal(toHex(await sha256(bytes)), out.ciphertext_sha256);
});

test("verifies and opens the file of a message", async () => {
  const { record, ciphertext, ...ids } = vectors.manifest;
  const context = {
    roomId: fromHex(ids.room_id),
    msgId: fromHex(ids.msg_id),
    senderUser: fromHex(ids.sender_user),
    senderDevice: fromHex(ids.sender_device),
  };
  const manifest = await verifyManifest(record, context, goldenIdentity(keys, "A").signingKey);
  const bytes = fromBase64url(ciphertext);
  assert.equal(await rootOf(manifest.fileId, bytes), toHex(manifest.root));
  const padded = decryptFile(manifest.fileKey, fileContext(manifest.fileId), inPieces(bytes));
  assert.deepEqual(await collect(unpadFile(padded, manifest.sizeBytes)), CONTENT);
});

test("reproduces the keys of a link with a passphrase", async () => {
  const { secret, transfer_id: transfer, passphrase, ...out } = vectors.link;
  const transferId = fromHex(transfer);
  assert.equal(link.dumpFragment(fromHex(secret)), out.fragment);
  const safe = await link.protectSecret(fromHex(secret), passphrase, transferId, argon2id);
  assert.equal(toHex(safe), out.protected);
  const { auth, manifestKey } = await link.deriveLinkKeys(safe);
  assert.equal(toHex(auth), out.auth);
  assert.equal(toHex(manifestKey), out.manifest_key);
  const json = await link.openLinkManifest(manifestKey, transferId, fromHex(out.manifest));
  assert.equal(fromUtf8(json), out.json);
});

for (const kind of ["people", "passphrase"]) {
  test(`opens the sealed file of kind ${kind} through every value on the way`, async () => {
    const expected = vectors[kind];
    const bytes = fromBase64url(expected.file);
    const head = await readHead(async (offset, length) => bytes.slice(offset, offset + length));
    assert.equal(head.sizeBytes, expected.head_bytes);
    assert.equal(toHex(head.binding), expected.binding);
    assert.equal(toHex(head.header.fileId), expected.file_id);
    const key = await keyOf(kind, head.header);
    assert.equal(toHex(key), expected.sealing_key);
    const { manifestKey, commitment } = await splitKey(key);
    assert.equal(toHex(manifestKey), expected.manifest_key);
    assert.equal(toHex(commitment), expected.commitment);
    const opened = await openSealed(head, key, bytes.length);
    const { fileKey, root, name, mime, sizeBytes, sealedAtMs } = opened.manifest;
    assert.equal(toHex(fileKey), expected.file_key);
    assert.equal(toHex(root), expected.root);
    assert.deepEqual(
      { name, mime, sizeBytes, sealedAtMs },
      {
        name: expected.name,
        mime: expected.mime,
        sizeBytes: expected.size,
        sealedAtMs: expected.sealed_at_ms,
      },
    );
    const { accountKey } = goldenIdentity(keys, "A");
    assert.deepEqual(opened.sender?.accountKey, kind === "people" ? accountKey : undefined);
    const content = readSealed(opened, inPieces(bytes.slice(head.sizeBytes)));
    assert.deepEqual(await collect(content), CONTENT);
  });
}

async function keyOf(kind, header) {
  if (kind === "passphrase") return passphraseKey(header, vectors.passphrase.passphrase, argon2id);
  const bob = goldenIdentity(keys, "B");
  const { privateKey } = await goldenPair(keys, "B.DIK", "ECDH");
  const ephemeral = await goldenPair(keys, vectors.people.ephemeral, "ECDH");
  const secret = await agree(ephemeral.privateKey, bob.agreementKey);
  const wrapping = await slotKey(secret, header.fileId, ephemeral.publicKey, bob);
  assert.equal(toHex(wrapping), vectors.people.slot_key_of_B);
  return openForDevice(header, bob, privateKey);
}
