/**
 * What a message says about a file it brings: key, size, root, name, and who says so (SEAL1 §4.12).
 *
 *     context = T("SEAL1/file", fileId)
 *     sig     = SIGN(DSK, "file", T("", roomId, msgId, senderUser, senderDevice, fileId, root,
 *                                   u64 size, H(T("", name, mime))))
 *
 * The manifest travels inside the end-to-end encrypted message. The signature binds the content to one
 * message of one device in one room, so that nobody can pass a file on as sent by somebody else.
 */

import { fromBase64url, toBase64url, u64, utf8 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { HASH_BYTES, ID_BYTES, KEY_BYTES, LABEL, SIGNATURE_BYTES } from "./constants.js";
import { sign, verify } from "./curve.js";
import { tuple } from "./encoding.js";
import { isFileName, isMediaType } from "./file-name.js";
import { sealedSize } from "./file-padding.js";
import { randomBytes, sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileKey, PublicKey } from "./types.js" */

/**
 * @typedef {object} FileManifest
 * @property {Bytes} fileId 16 bytes
 * @property {FileKey} fileKey FK
 * @property {number} sizeBytes of the file itself
 * @property {number} encryptedBytes of its ciphertext
 * @property {Bytes} root 32 bytes
 * @property {string} name
 * @property {string} mime "" when it is not known
 */

/**
 * The message that brings a file; the receiver fills it from its session and its own view.
 * @typedef {object} FileContext
 * @property {Bytes} roomId 32 bytes
 * @property {Bytes} msgId 16 bytes
 * @property {Bytes} senderUser 16 bytes
 * @property {Bytes} senderDevice 16 bytes
 */

/**
 * The manifest in JSON; bytes as base64url.
 * @typedef {{ file_id: string, key: string, size: number, ct_size: number, root: string, name: string,
 *   mime: string }} FileEntry
 */
/** @typedef {FileEntry & { sig: string }} FileManifestRecord the manifest in the JSON of a message */

/**
 * What a person is told: intact and from whom it says, changed on its way, or another device's signature.
 * @typedef {"intact" | "damaged" | "wrong-sender"} FileVerdict
 */

/** fileId of a new file. */
export function makeFileId() {
  return randomBytes(ID_BYTES);
}

/**
 * @param {Bytes} fileId 16 bytes
 * @returns {Bytes} context of its chunked encryption
 */
export function fileContext(fileId) {
  return tuple(LABEL.file, fileId);
}

/**
 * Throws: AppError("malformed") for a manifest that no receiver would take.
 * @param {FileManifest} manifest
 * @param {FileContext} context
 * @param {CryptoKey} signingKey DSK of the sending device
 * @returns {Promise<FileManifestRecord>}
 */
export async function signManifest(manifest, context, signingKey) {
  const entry = dumpEntry(manifest);
  const signature = await sign(signingKey, "file", await signedBody(manifest, context));
  return { ...entry, sig: toBase64url(signature) };
}

/**
 * Throws: AppError("malformed"), or AppError("bad_signature") when this device did not sign this file
 * for this message.
 * @param {FileManifestRecord} record of a message whose session has said who sent it
 * @param {FileContext} context
 * @param {PublicKey} signingKey DSK of that session's device
 * @returns {Promise<FileManifest>}
 */
export async function verifyManifest(record, context, signingKey) {
  const manifest = parseEntry(record);
  const signature = fromBase64url(record.sig, SIGNATURE_BYTES);
  await verify(signingKey, "file", await signedBody(manifest, context), signature);
  return manifest;
}

/**
 * Throws: AppError("malformed") for a manifest that no receiver would take.
 * @param {FileManifest} manifest
 * @returns {FileEntry}
 */
export function dumpEntry(manifest) {
  requireManifest(manifest);
  return {
    file_id: toBase64url(manifest.fileId),
    key: toBase64url(manifest.fileKey),
    size: manifest.sizeBytes,
    ct_size: manifest.encryptedBytes,
    root: toBase64url(manifest.root),
    name: manifest.name,
    mime: manifest.mime,
  };
}

/**
 * Throws: AppError("malformed") unless every field is as documented.
 * @param {FileEntry} entry
 * @returns {FileManifest}
 */
export function parseEntry({ file_id: fileId, key, size, ct_size: encryptedBytes, ...rest }) {
  const manifest = {
    fileId: fromBase64url(fileId, ID_BYTES),
    fileKey: /** @type {FileKey} */ (fromBase64url(key, KEY_BYTES)),
    sizeBytes: size,
    encryptedBytes,
    root: fromBase64url(rest.root, HASH_BYTES),
    name: rest.name,
    mime: rest.mime,
  };
  requireManifest(manifest);
  return manifest;
}

/**
 * What stands for name and type in a signature.
 * @param {FileManifest} manifest
 * @returns {Promise<Bytes>} 32 bytes
 */
export function titleHash({ name, mime }) {
  return sha256(tuple("", utf8(name), utf8(mime)));
}

/**
 * The verdict for what verifying or opening a file ended with.
 * @param {unknown} error
 * @returns {FileVerdict | null} null for what says nothing about the file, as a full disk
 */
export function verdictOf(error) {
  if (!(error instanceof AppError)) return null;
  if (error.code === "bad_signature" || error.code === "bad_key") return "wrong-sender";
  return error.code === "undecryptable" || error.code === "malformed" ? "damaged" : null;
}

/**
 * @param {FileManifest} manifest
 * @param {FileContext} context
 */
async function signedBody(manifest, context) {
  const { fileId, root, sizeBytes } = manifest;
  const { roomId, msgId, senderUser, senderDevice } = context;
  const place = [roomId, msgId, senderUser, senderDevice];
  return tuple("", ...place, fileId, root, u64(sizeBytes), await titleHash(manifest));
}

/** @param {FileManifest} manifest */
function requireManifest({ sizeBytes, encryptedBytes, name, mime }) {
  const isSize = Number.isSafeInteger(sizeBytes) && sizeBytes >= 0;
  if (!isSize || sealedSize(sizeBytes) !== encryptedBytes) throw new AppError("malformed", "size");
  if (!isFileName(name) || !isMediaType(mime)) throw new AppError("malformed", "name");
}
