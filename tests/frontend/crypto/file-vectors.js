/**
 * The golden vectors of files, links and sealed files, recomputed by our own modules.
 *
 * Runs in node and in a page, as `vectors.js` does: it asserts nothing but returns what was expected
 * beside what came out.
 */

import { agree } from "../../../frontend/js/crypto/curve.js";
import { decryptFile, encryptFile } from "../../../frontend/js/crypto/cobblestone.js";
import { fileContext, verifyManifest } from "../../../frontend/js/crypto/file-manifest.js";
import { unpadFile } from "../../../frontend/js/crypto/file-padding.js";
import { fileRoot, PartHasher } from "../../../frontend/js/crypto/file-root.js";
import * as link from "../../../frontend/js/crypto/link.js";
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
import { collect, inPieces, pattern } from "./file-fixtures.js";
import { goldenIdentity, goldenPair } from "./fixtures.js";

/** What all files of the vectors hold. */
const CONTENT = toHex(pattern(300));

/**
 * @param {Record<string, any>} keys the parsed tests/vectors/seal1.json
 * @param {Record<string, any>} vectors the parsed tests/vectors/seal_file.json
 * @param {Function} argon2id
 * @returns {Promise<{ name: string, expected: string, actual: string }[]>}
 */
export async function runFileVectors(keys, vectors, argon2id) {
  const computed = {
    cobblestone: await chunks(vectors.cobblestone),
    manifest: await message(keys, vectors.manifest),
    link: await transfer(vectors.link, argon2id),
    people: await sealed(vectors.people, (header) => deviceKey(keys, header)),
    passphrase: await sealed(vectors.passphrase, (header) =>
      passphraseKey(header, vectors.passphrase.passphrase, argon2id),
    ),
    slot: { slot_key_of_B: await slot(keys, vectors.people) },
  };
  const expected = { ...vectors, slot: vectors.people };
  return Object.entries(computed).flatMap(([kind, values]) =>
    Object.entries(values).map(([name, actual]) => ({
      name: `${kind} › ${name}`,
      expected: String(name === "content" ? CONTENT : expected[kind][name]),
      actual: String(actual),
    })),
  );
}

async function chunks({ file_key: key, file_id: fileId, salt, plaintext_bytes: length }) {
  const plaintext = inPieces(pattern(length));
  const options = { salt: fromHex(salt) };
  const context = fileContext(fromHex(fileId));
  const bytes = await collect(encryptFile(fromHex(key), context, plaintext, options));
  return {
    prefix: toHex(bytes.slice(0, 56)),
    ciphertext_bytes: bytes.length,
    ciphertext_sha256: toHex(await sha256(bytes)),
  };
}

async function message(keys, { record, ciphertext, ...ids }) {
  const context = {
    roomId: fromHex(ids.room_id),
    msgId: fromHex(ids.msg_id),
    senderUser: fromHex(ids.sender_user),
    senderDevice: fromHex(ids.sender_device),
  };
  const manifest = await verifyManifest(record, context, goldenIdentity(keys, "A").signingKey);
  const { fileId, fileKey, root, sizeBytes } = manifest;
  const bytes = fromBase64url(ciphertext);
  const hasher = new PartHasher();
  await hasher.update(bytes);
  const isRoot = toHex(await fileRoot(fileId, await hasher.finish())) === toHex(root);
  const padded = decryptFile(fileKey, fileContext(fileId), inPieces(bytes));
  const content = await collect(unpadFile(padded, sizeBytes));
  return { content: isRoot ? toHex(content) : "another root" };
}

async function transfer({ secret, transfer_id: transferId, passphrase, manifest }, argon2id) {
  const [bytes, id] = [fromHex(secret), fromHex(transferId)];
  const safe = await link.protectSecret(bytes, passphrase, id, argon2id);
  const { auth, manifestKey } = await link.deriveLinkKeys(safe);
  return {
    fragment: link.dumpFragment(bytes),
    protected: toHex(safe),
    auth: toHex(auth),
    manifest_key: toHex(manifestKey),
    json: fromUtf8(await link.openLinkManifest(manifestKey, id, fromHex(manifest))),
  };
}

async function sealed({ file }, keyOf) {
  const bytes = fromBase64url(file);
  const head = await readHead(async (offset, length) => bytes.slice(offset, offset + length));
  const key = await keyOf(head.header);
  const { manifestKey, commitment } = await splitKey(key);
  const opened = await openSealed(head, key, bytes.length);
  const { manifest } = opened;
  return {
    head_bytes: head.sizeBytes,
    binding: toHex(head.binding),
    file_id: toHex(head.header.fileId),
    sealing_key: toHex(key),
    manifest_key: toHex(manifestKey),
    commitment: toHex(commitment),
    file_key: toHex(manifest.fileKey),
    root: toHex(manifest.root),
    name: manifest.name,
    mime: manifest.mime,
    size: manifest.sizeBytes,
    sealed_at_ms: manifest.sealedAtMs,
    content: toHex(await collect(readSealed(opened, inPieces(bytes.slice(head.sizeBytes))))),
  };
}

async function deviceKey(keys, header) {
  const { privateKey } = await goldenPair(keys, "B.DIK", "ECDH");
  return openForDevice(header, goldenIdentity(keys, "B"), privateKey);
}

async function slot(keys, { ephemeral, file_id: fileId }) {
  const bob = goldenIdentity(keys, "B");
  const { privateKey, publicKey } = await goldenPair(keys, ephemeral, "ECDH");
  const secret = await agree(privateKey, bob.agreementKey);
  return toHex(await slotKey(secret, fromHex(fileId), publicKey, bob));
}
