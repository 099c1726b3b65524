/**
 * Heads of a transfer's files: sealed for the devices of a person, opened by the one they are for
 * (docs/crypto.md §12.1).
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { DecryptError } from "../lib/errors.js";
import { dumpEntry, parseEntry } from "../crypto/file-manifest.js";
import { sealedSize } from "../crypto/file-padding.js";
import { openSealed, sealHead } from "../crypto/sealed-file.js";
import { readHead } from "../crypto/sealed-file-head.js";
import { openForDevice } from "../crypto/sealed-file-keys.js";
import { Refusal } from "./file-people.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileEntry } from "../crypto/file-manifest.js" */
/** @import { OpenedFile } from "../crypto/sealed-file.js" */
/** @import { SealingSender } from "../crypto/sealed-file-manifest.js" */
/** @import { DeviceCertificate, DeviceIdentity } from "../crypto/types.js" */
/** @import { WireReceivedTransfer } from "../protocol/bodies.js" */
/** @import { Core, ReceivedRecord, SignerRecord } from "./model.js" */

/**
 * @param {readonly FileEntry[]} files with their keys
 * @param {{ recipients: readonly DeviceIdentity[], sender: SealingSender, sealedAtMs: number }} seal
 * @returns {Promise<string[]>} base64url, in the order of the files
 */
export function sealHeads(files, { recipients, sender, sealedAtMs }) {
  const sealing = { kind: /** @type {const} */ ("people"), recipients, sender };
  const heads = files.map(async (entry) => {
    const { fileId, ...manifest } = parseEntry(entry);
    return toBase64url(await sealHead(fileId, { ...manifest, sealedAtMs }, sealing));
  });
  return Promise.all(heads);
}

/**
 * Open the heads that the server shows for a transfer, believing nothing it says about them: each must be
 * of the file at its place and exactly as long, and all by one device of the account named as the sender.
 *
 * Throws: what `file-people.js` reads as a refusal.
 * @param {Pick<Core, "own">} core
 * @param {WireReceivedTransfer} shown
 * @param {readonly string[]} heads base64url
 * @returns {Promise<NonNullable<ReceivedRecord["opened"]>>}
 */
export async function openHeads({ own }, { files, sender }, heads) {
  if (heads.length !== files.length) throw new DecryptError("auth-failed");
  const opened = [];
  for (const [index, head] of heads.entries()) {
    const file = /** @type {WireReceivedTransfer["files"][number]} */ (files[index]);
    opened.push(await openHead(own, file, fromBase64url(head)));
  }
  const [first] = opened;
  if (first === undefined) throw new DecryptError("auth-failed");
  const signer = dumpSigner(first.sender);
  const isOne = opened.every((each) => dumpSigner(each.sender).certHash === signer.certHash);
  if (!isOne || signer.user !== sender.id) throw new Refusal("wrong-sender", sender.display_name);
  return {
    files: opened.map((each) => ({ ...entryOf(each), verdict: null })),
    signer,
    sealedMs: first.manifest.sealedAtMs,
  };
}

/**
 * @param {Core["own"]} own
 * @param {{ id: string, size_bytes: number }} file
 * @param {Bytes} bytes
 * @returns {Promise<OpenedFile & { sender: DeviceCertificate }>}
 */
async function openHead(own, file, bytes) {
  const head = await readHead(async (offset, length) => bytes.slice(offset, offset + length));
  const { header, sizeBytes } = head;
  const isOurs = header.kind === "people" && toBase64url(header.fileId) === file.id;
  if (!isOurs || sizeBytes !== bytes.length) throw new DecryptError("auth-failed");
  const key = await openForDevice(header, own.certificate, own.agreementKey);
  const opened = await openSealed(head, key, sizeBytes + file.size_bytes);
  return { ...opened, sender: /** @type {DeviceCertificate} */ (opened.sender) };
}

/**
 * @param {OpenedFile} opened
 * @returns {FileEntry}
 */
function entryOf({ fileId, manifest }) {
  return dumpEntry({ ...manifest, fileId, encryptedBytes: sealedSize(manifest.sizeBytes) });
}

/**
 * @param {DeviceCertificate} certificate
 * @returns {SignerRecord}
 */
function dumpSigner({ userId, deviceId, accountKey, certHash }) {
  return {
    user: toBase64url(userId),
    device: toBase64url(deviceId),
    accountKey: toBase64url(accountKey),
    certHash: toBase64url(certHash),
  };
}

/**
 * @param {SignerRecord} record
 * @returns {Pick<DeviceCertificate, "userId" | "deviceId" | "accountKey" | "certHash">}
 */
export function parseSigner({ user, device, accountKey, certHash }) {
  return {
    userId: fromBase64url(user, 16),
    deviceId: fromBase64url(device, 16),
    accountKey: fromBase64url(accountKey),
    certHash: fromBase64url(certHash, 32),
  };
}
