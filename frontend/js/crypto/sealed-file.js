/**
 * One file that needs no server: sealing it, and opening it again (docs/crypto.md §11).
 *
 *     sealed file = head ‖ Cobblestone-256(FK, T("SEAL1/file", fileId), file ‖ zeros)
 *
 * The head names the root of everything behind it, so it is made last: whoever seals writes the content
 * first and puts the head before it. Memory holds a few MiB, whatever the size.
 */

import { concat, equal } from "../lib/bytes.js";
import { DecryptError } from "../lib/errors.js";
import { decryptFile, encryptFile, makeFileKey } from "./cobblestone.js";
import { lengthPrefixed } from "./encoding.js";
import { fileContext, makeFileId } from "./file-manifest.js";
import { padFile, sealedSize, unpadFile } from "./file-padding.js";
import { fileRoot, PartHasher } from "./file-root.js";
import { sha256 } from "./primitives.js";
import { sealForDevices, sealForPassphrase } from "./sealed-file-keys.js";
import { openManifest, sealManifest } from "./sealed-file-manifest.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { SealedHead } from "./sealed-file-head.js" */
/** @import { SealedManifest, SealingSender } from "./sealed-file-manifest.js" */
/** @import { Argon2id, DeviceCertificate, DeviceIdentity, SealingKey } from "./types.js" */

/**
 * @typedef {object} PlainFile
 * @property {string} name from `toFileName`
 * @property {string} mime from `toMediaType`
 * @property {number} sizeBytes
 * @property {AsyncIterable<Uint8Array>} pieces
 * @property {number} sealedAtMs
 */
/**
 * @typedef {{ kind: "people", recipients: readonly DeviceIdentity[], sender: SealingSender }
 *   | { kind: "passphrase", passphrase: string, argon2id: Argon2id }} Sealing
 */
/** @typedef {{ fileId: Bytes, manifest: SealedManifest, sender: DeviceCertificate | null }} OpenedFile */

/**
 * Throws: AppError "file_changed" when the file is not as long as it was said to be, "malformed" for
 * a name, type or number of recipients that is out of bounds; whatever `write` and `pieces` throw.
 * @param {PlainFile} file
 * @param {Sealing} sealing
 * @param {(piece: Bytes) => Promise<void>} write takes what belongs behind the head, in order
 * @returns {Promise<Bytes>} the head
 */
export async function sealFile(file, sealing, write) {
  const { name, mime, sizeBytes, sealedAtMs } = file;
  const fileId = makeFileId();
  const fileKey = makeFileKey();
  const hasher = new PartHasher();
  const plaintext = padFile(file.pieces, sizeBytes);
  for await (const piece of encryptFile(fileKey, fileContext(fileId), plaintext)) {
    await hasher.update(piece);
    await write(piece);
  }
  const root = await fileRoot(fileId, await hasher.finish());
  return sealHead(fileId, { fileKey, sizeBytes, root, sealedAtMs, name, mime }, sealing);
}

/**
 * The head of content that is encrypted already. One content can have several heads, each for others.
 *
 * Throws: AppError("malformed") for a name, type or number of recipients that is out of bounds.
 * @param {Bytes} fileId 16 bytes
 * @param {SealedManifest} manifest
 * @param {Sealing} sealing
 * @returns {Promise<Bytes>}
 */
export async function sealHead(fileId, manifest, sealing) {
  const { key, prefix } =
    sealing.kind === "people"
      ? await sealForDevices(fileId, sealing.recipients)
      : await sealForPassphrase(fileId, sealing.passphrase, sealing.argon2id);
  const sender = sealing.kind === "people" ? sealing.sender : null;
  const sealed = await sealManifest(key, await sha256(prefix), manifest, sender);
  return concat(prefix, lengthPrefixed(sealed));
}

/**
 * Open the head, and check that the file is as long as it says.
 *
 * Throws: see `openManifest`; also DecryptError("auth-failed") for a file that was cut or extended.
 * @param {SealedHead} head
 * @param {SealingKey} key K
 * @param {number} totalBytes of the sealed file
 * @returns {Promise<OpenedFile>}
 */
export async function openSealed(head, key, totalBytes) {
  const { manifest, sender } = await openManifest(key, head);
  if (head.sizeBytes + sealedSize(manifest.sizeBytes) !== totalBytes) {
    throw new DecryptError("auth-failed");
  }
  return { fileId: head.header.fileId, manifest, sender };
}

/**
 * The content. What it yields must not be released before it has returned.
 *
 * Throws (the generator): DecryptError("auth-failed").
 * @param {OpenedFile} opened
 * @param {AsyncIterable<Uint8Array>} pieces of everything behind the head
 * @returns {AsyncGenerator<Bytes, void>}
 */
export async function* readSealed({ fileId, manifest }, pieces) {
  const hasher = new PartHasher();
  const ciphertext = hashed(pieces, hasher);
  const plaintext = decryptFile(manifest.fileKey, fileContext(fileId), ciphertext);
  yield* unpadFile(plaintext, manifest.sizeBytes);
  // Other recipients have the same key: only the root says that the sender made these bytes.
  const root = await fileRoot(fileId, await hasher.finish());
  if (!equal(root, manifest.root)) throw new DecryptError("auth-failed");
}

/**
 * @param {AsyncIterable<Uint8Array>} pieces
 * @param {PartHasher} hasher
 */
async function* hashed(pieces, hasher) {
  for await (const piece of pieces) {
    await hasher.update(piece);
    yield piece;
  }
}
