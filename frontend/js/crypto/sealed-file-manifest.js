/**
 * What a sealed file says about itself, and who says it (docs/crypto.md §11).
 *
 *     mk ‖ commitment = HKDF(Z32, K, "SEAL1/sealed-file/key", 64)
 *     sealed manifest = commitment ‖ AEAD(mk, pad(LP(body) ‖ LP(sig)), binding)
 *     body = T("SEAL1/sealed-file/manifest", FK, u64 size, root, u64 sealedAtMs, name, mime
 *              [, AIK, certificate body, sigA, sigP])
 *     sig  = SIGN(DSK, "sealed-file", T("", binding, body))
 *
 * A file for people is always signed, with the certificate that its account signed for the device; one
 * under a passphrase never is: whoever knows the passphrase could have made it. The kind in the binding
 * decides which, so a signature can be neither left out nor added.
 * The signature covers the header, so a recipient cannot seal the file on to somebody else in the
 * sender's name, and the root, so a recipient cannot change the content for the others.
 * The commitment gives everybody who opens a file the same manifest.
 */

import { concat, equal, fromUtf8, readU64, u64, utf8 } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { HASH_BYTES, KEY_BYTES, LABEL, POINT_BYTES, SIGNATURE_BYTES } from "./constants.js";
import { sign, verify } from "./curve.js";
import { lengthPrefixedAll, parseLengthPrefixed, parseTuple, tuple } from "./encoding.js";
import { isFileName, isMediaType } from "./file-name.js";
import { verifyEnclosedCertificate } from "./identity.js";
import { pad, unpad } from "./padding.js";
import { aeadOpen, aeadSeal, hkdf, ZERO_SALT } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { SealedHead } from "./sealed-file-head.js" */
/** @import { DeviceCertificate, FileKey, PublicKey, SealingKey, SignedCertificate } from "./types.js" */

/**
 * @typedef {object} SealedManifest
 * @property {FileKey} fileKey FK
 * @property {number} sizeBytes of the file itself
 * @property {Bytes} root 32 bytes
 * @property {number} sealedAtMs by the sender's clock
 * @property {string} name
 * @property {string} mime "" when it is not known
 */
/**
 * The device that signs.
 * @typedef {object} SealingSender
 * @property {PublicKey} accountKey AIK
 * @property {SignedCertificate} certificate
 * @property {CryptoKey} signingKey DSK
 */

/**
 * Throws: AppError("malformed") for a name or type that no recipient would take.
 * @param {SealingKey} key K
 * @param {Bytes} binding 32 bytes
 * @param {SealedManifest} manifest
 * @param {SealingSender | null} sender null under a passphrase
 * @returns {Promise<Bytes>} of a length that depends on neither root nor signature
 */
export async function sealManifest(key, binding, manifest, sender) {
  requireNames(manifest);
  const body = dumpBody(manifest, sender);
  const signature =
    sender === null
      ? new Uint8Array(0)
      : await sign(sender.signingKey, "sealed-file", tuple("", binding, body));
  const { manifestKey, commitment } = await splitKey(key);
  const content = pad(lengthPrefixedAll([body, signature]));
  return concat(commitment, await aeadSeal(manifestKey, content, binding));
}

/**
 * Throws: DecryptError "no-session" for another passphrase, "auth-failed" for a manifest that was
 * changed or is not well formed; AppError "bad_signature" or "bad_key" when its device did not sign it,
 * or no account vouches for that device.
 * @param {SealingKey} key K
 * @param {SealedHead} head
 * @returns {Promise<{ manifest: SealedManifest, sender: DeviceCertificate | null }>} sender: of the
 *   account it names, which may be anybody's
 */
export async function openManifest(key, { header, binding, sealedManifest }) {
  const { manifestKey, commitment } = await splitKey(key);
  if (!equal(commitment, sealedManifest.subarray(0, HASH_BYTES))) {
    throw new DecryptError(header.kind === "people" ? "auth-failed" : "no-session");
  }
  const content = await aeadOpen(manifestKey, sealedManifest.slice(HASH_BYTES), binding);
  const { body, signature, manifest, signer } = parseContent(header.kind, content);
  if (signer === null) return { manifest, sender: null };
  const sender = await verifyEnclosedCertificate(signer.certificate, signer.accountKey);
  await verify(sender.signingKey, "sealed-file", tuple("", binding, body), signature);
  return { manifest, sender };
}

/**
 * @param {SealingKey} key
 * @returns {Promise<{ manifestKey: Bytes, commitment: Bytes }>}
 */
export async function splitKey(key) {
  const derived = await hkdf(ZERO_SALT, key, utf8(LABEL.sealedFileKey), KEY_BYTES + HASH_BYTES);
  return { manifestKey: derived.slice(0, KEY_BYTES), commitment: derived.slice(KEY_BYTES) };
}

/**
 * @param {SealedManifest} manifest
 * @param {SealingSender | null} sender
 */
function dumpBody({ fileKey, sizeBytes, root, sealedAtMs, name, mime }, sender) {
  const fields = [fileKey, u64(sizeBytes), root, u64(sealedAtMs), utf8(name), utf8(mime)];
  if (sender === null) return tuple(LABEL.sealedFileManifest, ...fields);
  const { body, accountSignature, possessionSignature } = sender.certificate;
  const signer = [sender.accountKey, body, accountSignature, possessionSignature];
  return tuple(LABEL.sealedFileManifest, ...fields, ...signer);
}

/**
 * @param {"people" | "passphrase"} kind
 * @param {Bytes} content
 */
function parseContent(kind, content) {
  try {
    const [body, signature, ...more] = parseLengthPrefixed(unpad(content));
    if (body === undefined || signature === undefined || more.length > 0) {
      throw new AppError("malformed", "sealed manifest");
    }
    const parsed = parseBody(body);
    const isSigned = parsed.signer !== null && signature.length === SIGNATURE_BYTES;
    const isUnsigned = parsed.signer === null && signature.length === 0;
    if (kind === "people" ? !isSigned : !isUnsigned) throw new AppError("malformed", "signer");
    return { body, signature, ...parsed };
  } catch {
    throw new DecryptError("auth-failed");
  }
}

/** @param {Bytes} body */
function parseBody(body) {
  const lengths = [KEY_BYTES, 8, HASH_BYTES, 8];
  const { fields, rest } = parseTuple(body, LABEL.sealedFileManifest, lengths);
  const [fileKey, size, root, sealedAt] = /** @type {[FileKey, Bytes, Bytes, Bytes]} */ (fields);
  const [name, mime, ...signer] = rest;
  if (name === undefined || mime === undefined) throw new AppError("malformed", "manifest");
  const manifest = Object.freeze({
    fileKey,
    sizeBytes: readU64(size),
    root,
    sealedAtMs: readU64(sealedAt),
    name: fromUtf8(name),
    mime: fromUtf8(mime),
  });
  requireNames(manifest);
  return { manifest, signer: signer.length === 0 ? null : parseSigner(signer) };
}

/**
 * @param {Bytes[]} fields
 * @returns {{ accountKey: PublicKey, certificate: SignedCertificate }}
 */
function parseSigner([accountKey, body, accountSignature, possessionSignature, ...more]) {
  const isWhole =
    accountKey?.length === POINT_BYTES &&
    body !== undefined &&
    accountSignature?.length === SIGNATURE_BYTES &&
    possessionSignature?.length === SIGNATURE_BYTES &&
    more.length === 0;
  if (!isWhole) throw new AppError("malformed", "signer");
  return { accountKey, certificate: { body, accountSignature, possessionSignature } };
}

/** @param {SealedManifest} manifest */
function requireNames({ name, mime }) {
  if (!isFileName(name) || !isMediaType(mime)) throw new AppError("malformed", "name");
}
