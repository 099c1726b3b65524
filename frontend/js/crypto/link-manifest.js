/**
 * What the secret of a link opens: names and keys of its files, and who made it (docs/crypto.md §12.2).
 *
 *     content = json ‖ spaces up to a multiple of 1,024 bytes
 *     json    = {v: 1, files: 1 to 10 entries, from: null or who signed}     as JSON.stringify writes it
 *     file_i  = H(T("", fileId, root, u64 size, H(T("", name, mime))))
 *     sig     = SIGN(DSK, "link", T("", transferId, file_1 ‖ … ‖ file_n, senderName))
 *
 * The signature binds the files, their order and the name to one transfer, so nobody can pass them on as
 * linked by somebody else. It proves no person: whoever makes a link can make an account for it.
 *
 * A manifest is written in one way only, so a reader writes what it has read once more and compares: no
 * two programs read different things in one. Sealing and opening are for crypto/link.js.
 */

import { concat, equal, fromBase64url, fromUtf8, toBase64url, u64, utf8 } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import {
  LINK_FILES,
  LINK_NAME_CHARS,
  LINK_STEP_BYTES,
  LINK_VERSION,
  POINT_BYTES,
  SIGNATURE_BYTES,
} from "./constants.js";
import { sign, verify } from "./curve.js";
import { tuple } from "./encoding.js";
import { dumpEntry, parseEntry, titleHash } from "./file-manifest.js";
import { verifyEnclosedCertificate } from "./identity.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileEntry, FileManifest } from "./file-manifest.js" */
/** @import { SealingSender } from "./sealed-file-manifest.js" */
/** @import { DeviceIdentity, PublicKey, Signature, SignedCertificate } from "./types.js" */

/** @typedef {SealingSender & { name: string }} LinkSigner the device that signs, and what it is called */
/**
 * Whom a link says it is from; `name` has 1 to 64 characters and is theirs to choose.
 * @typedef {Pick<DeviceIdentity, "userId" | "deviceId" | "accountKey"> & { name: string }} LinkSender
 */
/** @typedef {{ files: FileManifest[], from: LinkSender | null }} LinkManifest */
/**
 * What stands in `from`, believed or not.
 * @typedef {object} Claim
 * @property {string} name
 * @property {PublicKey} accountKey AIK
 * @property {SignedCertificate} certificate
 * @property {Signature} signature
 */

/** The fields of an entry that are text. */
const TEXTS = /** @type {const} */ (["file_id", "key", "root", "name", "mime"]);
const SPACE = 0x20;
/** What breaks a line or turns the text around it; the server takes no such name either. */
const UNRULY = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

/**
 * Throws: AppError("malformed") for files or a name that no opener would take.
 * @param {object} link
 * @param {Bytes} link.transferId 16 bytes
 * @param {readonly FileManifest[]} link.files in the order of the transfer
 * @param {LinkSigner | null} link.signer null when the sender does not want to be named
 * @returns {Promise<Bytes>} padded
 */
export async function makeLinkManifest({ transferId, files, signer }) {
  requireFiles(files);
  const claim = signer && (await signFiles(transferId, files, signer));
  return dumpContent(files.map(dumpEntry), claim && dumpClaim(claim));
}

/**
 * Throws: DecryptError "unsupported" for another version, "auth-failed" for what is not written as above;
 * AppError "bad_key" or "bad_signature" when no device of the account it names has signed these files.
 * @param {Bytes} content as `openLinkManifest` gives it
 * @param {Bytes} transferId 16 bytes
 * @returns {Promise<LinkManifest>}
 */
export async function readLinkManifest(content, transferId) {
  const { files, claim } = parseContent(content);
  return { files, from: claim && (await verifyClaim(claim, transferId, files)) };
}

/**
 * @param {Bytes} transferId
 * @param {readonly FileManifest[]} files
 * @param {LinkSigner} signer
 * @returns {Promise<Claim>}
 */
async function signFiles(transferId, files, { name, accountKey, certificate, signingKey }) {
  requireName(name);
  const signature = await sign(signingKey, "link", await signedBody(transferId, files, name));
  return { name, accountKey, certificate, signature };
}

/**
 * @param {Claim} claim
 * @param {Bytes} transferId
 * @param {readonly FileManifest[]} files
 * @returns {Promise<LinkSender>}
 */
async function verifyClaim({ name, accountKey, certificate, signature }, transferId, files) {
  const device = await verifyEnclosedCertificate(certificate, accountKey);
  await verify(device.signingKey, "link", await signedBody(transferId, files, name), signature);
  return Object.freeze({ name, userId: device.userId, deviceId: device.deviceId, accountKey });
}

/**
 * @param {Bytes} transferId
 * @param {readonly FileManifest[]} files
 * @param {string} name
 */
async function signedBody(transferId, files, name) {
  const hashes = await Promise.all(files.map(fileHash));
  return tuple("", transferId, concat(...hashes), utf8(name));
}

/** @param {FileManifest} file */
async function fileHash(file) {
  return sha256(tuple("", file.fileId, file.root, u64(file.sizeBytes), await titleHash(file)));
}

/**
 * @param {FileEntry[]} files
 * @param {Record<string, string> | null} from
 * @returns {Bytes}
 */
function dumpContent(files, from) {
  const json = utf8(JSON.stringify({ v: LINK_VERSION, files, from }));
  const paddedBytes = Math.ceil(json.length / LINK_STEP_BYTES) * LINK_STEP_BYTES;
  const content = new Uint8Array(paddedBytes).fill(SPACE);
  content.set(json);
  return content;
}

/**
 * @param {Bytes} content
 * @returns {{ files: FileManifest[], claim: Claim | null }}
 */
function parseContent(content) {
  try {
    const { v, files: entries, from } = requireObject(JSON.parse(fromUtf8(content)));
    if (Number.isSafeInteger(v) && v !== LINK_VERSION) throw new DecryptError("unsupported");
    const files = requireList(entries).map(parseFile);
    requireFiles(files);
    const claim = from === null ? null : parseClaim(requireObject(from));
    const again = dumpContent(files.map(dumpEntry), claim && dumpClaim(claim));
    if (!equal(again, content)) throw new AppError("malformed", "written otherwise");
    return { files, claim };
  } catch (error) {
    if (error instanceof DecryptError) throw error;
    throw new DecryptError("auth-failed");
  }
}

/** @param {unknown} value */
function parseFile(value) {
  const entry = requireObject(value);
  for (const name of TEXTS) requireText(entry[name]);
  return parseEntry(/** @type {FileEntry} */ (entry));
}

/**
 * @param {Record<string, unknown>} from
 * @returns {Claim}
 */
function parseClaim(from) {
  const name = requireText(from["name"]);
  requireName(name);
  const bytes = (/** @type {string} */ field, /** @type {number | undefined} */ length) =>
    fromBase64url(requireText(from[field]), length);
  return {
    name,
    accountKey: bytes("account_key", POINT_BYTES),
    certificate: {
      body: bytes("certificate", undefined),
      accountSignature: bytes("sig_account", SIGNATURE_BYTES),
      possessionSignature: bytes("sig_device", SIGNATURE_BYTES),
    },
    signature: bytes("sig", SIGNATURE_BYTES),
  };
}

/** @param {Claim} claim */
function dumpClaim({ name, accountKey, certificate, signature }) {
  return {
    name,
    account_key: toBase64url(accountKey),
    certificate: toBase64url(certificate.body),
    sig_account: toBase64url(certificate.accountSignature),
    sig_device: toBase64url(certificate.possessionSignature),
    sig: toBase64url(signature),
  };
}

/** @param {readonly FileManifest[]} files */
function requireFiles(files) {
  const ids = new Set(files.map(({ fileId }) => toBase64url(fileId)));
  const isDistinct = ids.size === files.length;
  if (!isDistinct || files.length === 0 || files.length > LINK_FILES) {
    throw new AppError("malformed", "files");
  }
}

/** @param {string} name */
function requireName(name) {
  const length = [...name].length;
  const isName = 0 < length && length <= LINK_NAME_CHARS && name.isWellFormed();
  if (!isName || UNRULY.test(name)) throw new AppError("malformed", "name");
}

/**
 * @param {unknown} value
 * @returns {unknown[]}
 */
function requireList(value) {
  if (!Array.isArray(value)) throw new AppError("malformed", "no list");
  return value;
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown>}
 */
function requireObject(value) {
  if (typeof value !== "object" || value === null) throw new AppError("malformed", "no object");
  return /** @type {Record<string, unknown>} */ (value);
}

/** @param {unknown} value */
function requireText(value) {
  if (typeof value !== "string") throw new AppError("malformed", "no text");
  return value;
}
