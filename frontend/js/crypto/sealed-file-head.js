/**
 * The beginning of a sealed file, up to the encrypted content (docs/crypto.md §11).
 *
 *     preamble = "SEAL1F" ‖ u8 version ‖ u8 kind            kind: 1 people, 2 passphrase
 *     file     = preamble ‖ LP(header) ‖ LP(sealed manifest) ‖ Cobblestone-256 stream
 *     header   = T("SEAL1/sealed-file", fileId, EK, slot 1 … slot n)         people
 *              | T("SEAL1/sealed-file", fileId, kdfParams)                   passphrase
 *     binding  = H(preamble ‖ LP(header))
 *
 * The header is readable by everybody and names nobody. The binding goes into everything behind it, so
 * no part of one file can be put into another.
 */

import { concat, equal, readU32, u8, utf8 } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import {
  ID_BYTES,
  IV_BYTES,
  KEY_BYTES,
  LABEL,
  MAX_SEALED_HEADER_BYTES,
  MAX_SEALED_MANIFEST_BYTES,
  MAX_SLOTS,
  POINT_BYTES,
  SEALED_FILE_VERSION,
  TAG_BYTES,
} from "./constants.js";
import { lengthPrefixed, parseTuple, tuple } from "./encoding.js";
import { parseKdfParams } from "./password.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { KdfParams, PublicKey } from "./types.js" */

/**
 * @typedef {{ kind: "people", fileId: Bytes, ephemeralKey: PublicKey, slots: readonly Bytes[] }} PeopleHeader
 * @typedef {{ kind: "passphrase", fileId: Bytes, params: KdfParams }} PassphraseHeader
 * @typedef {PeopleHeader | PassphraseHeader} SealedHeader
 */
/**
 * @typedef {object} SealedHead
 * @property {SealedHeader} header
 * @property {Bytes} binding 32 bytes
 * @property {Bytes} sealedManifest
 * @property {number} sizeBytes of the head: where the content begins
 */
/**
 * Returns the bytes from `offset` on, fewer than `length` where the file ends.
 * @typedef {(offset: number, length: number) => Promise<Bytes>} ReadAt
 */

const MAGIC = utf8("SEAL1F");
const KINDS = Object.freeze({ people: 1, passphrase: 2 });
const PREAMBLE_BYTES = MAGIC.length + 2;
const LENGTH_BYTES = 4;

/** Size of K for one device: iv ‖ K ‖ tag. */
export const SLOT_BYTES = IV_BYTES + KEY_BYTES + TAG_BYTES;

/**
 * @param {SealedHeader["kind"]} kind
 * @returns {Bytes} 8 bytes
 */
export function preambleOf(kind) {
  return concat(MAGIC, u8(SEALED_FILE_VERSION), u8(KINDS[kind]));
}

/**
 * @param {SealedHeader["kind"]} kind
 * @param {Bytes} fileId 16 bytes
 * @param {readonly Bytes[]} fields EK and slots, or kdfParams
 * @returns {Bytes} preamble ‖ LP(header), whose hash is the binding
 */
export function dumpHeader(kind, fileId, fields) {
  const header = tuple(LABEL.sealedFile, fileId, ...fields);
  return concat(preambleOf(kind), lengthPrefixed(header));
}

/**
 * Read the head of a file without believing it.
 *
 * Throws: AppError "not_sealed" for any other file; DecryptError "unsupported" for another version or
 * kind, "auth-failed" for a head that is cut off or not well formed.
 * @param {ReadAt} read
 * @returns {Promise<SealedHead>}
 */
export async function readHead(read) {
  const preamble = await read(0, PREAMBLE_BYTES);
  const kind = parsePreamble(preamble);
  const header = await readField(read, PREAMBLE_BYTES, MAX_SEALED_HEADER_BYTES);
  const manifestAt = PREAMBLE_BYTES + LENGTH_BYTES + header.length;
  const sealedManifest = await readField(read, manifestAt, MAX_SEALED_MANIFEST_BYTES);
  return Object.freeze({
    header: parseHeader(kind, header),
    binding: await sha256(concat(preamble, lengthPrefixed(header))),
    sealedManifest,
    sizeBytes: manifestAt + LENGTH_BYTES + sealedManifest.length,
  });
}

/**
 * @param {Bytes} preamble
 * @returns {SealedHeader["kind"]}
 */
function parsePreamble(preamble) {
  if (!equal(preamble.subarray(0, MAGIC.length), MAGIC)) throw new AppError("not_sealed");
  const [version, kind] = preamble.subarray(MAGIC.length);
  if (version !== SEALED_FILE_VERSION) throw new DecryptError("unsupported");
  if (kind === KINDS.people) return "people";
  if (kind === KINDS.passphrase) return "passphrase";
  throw new DecryptError("unsupported");
}

/**
 * @param {ReadAt} read
 * @param {number} offset of LP(field)
 * @param {number} most bytes of the field
 */
async function readField(read, offset, most) {
  const length = await read(offset, LENGTH_BYTES);
  const lengthBytes = length.length === LENGTH_BYTES ? readU32(length) : Infinity;
  if (lengthBytes > most) throw new DecryptError("auth-failed");
  const field = await read(offset + LENGTH_BYTES, lengthBytes);
  if (field.length !== lengthBytes) throw new DecryptError("auth-failed");
  return field;
}

/**
 * @param {SealedHeader["kind"]} kind
 * @param {Bytes} header
 * @returns {SealedHeader}
 */
function parseHeader(kind, header) {
  try {
    return kind === "people" ? parsePeople(header) : parsePassphrase(header);
  } catch {
    throw new DecryptError("auth-failed");
  }
}

/**
 * @param {Bytes} header
 * @returns {PeopleHeader}
 */
function parsePeople(header) {
  const { fields, rest: slots } = parseTuple(header, LABEL.sealedFile, [ID_BYTES, POINT_BYTES]);
  const [fileId, ephemeralKey] = /** @type {[Bytes, PublicKey]} */ (fields);
  const areSlots = slots.every((slot) => slot.length === SLOT_BYTES);
  if (!areSlots || slots.length === 0 || slots.length > MAX_SLOTS) {
    throw new AppError("malformed", "slots");
  }
  return { kind: "people", fileId, ephemeralKey, slots };
}

/**
 * @param {Bytes} header
 * @returns {PassphraseHeader}
 */
function parsePassphrase(header) {
  const { fields, rest } = parseTuple(header, LABEL.sealedFile, [ID_BYTES]);
  const [fileId] = /** @type {[Bytes]} */ (fields);
  const [params, ...more] = rest;
  if (params === undefined || more.length > 0) throw new AppError("malformed", "header");
  return { kind: "passphrase", fileId, params: parseKdfParams(params) };
}
