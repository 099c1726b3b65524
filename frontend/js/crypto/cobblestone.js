/**
 * Cobblestone-256, the chunked encryption of files: C2SP chunked-encryption v1 (SEAL1 §4.12).
 *
 *     out    = HKDF-Expand(SHA-512, FK, "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" ‖ 00 ‖ salt24 ‖ context, 76)
 *            = key32 ‖ baseNonce12 ‖ commitment32
 *     file   = salt ‖ commitment ‖ chunk 0 ‖ chunk 1 …
 *     chunk i = AES-256-GCM(key, baseNonce XOR u96(i), 16 KiB of plaintext, "")
 *
 * The last chunk, and no other, holds less than 16 KiB and may be empty, so a length that is not that
 * of a whole file shows, and a chunk at another place, twice or changed fails its tag. The commitment
 * makes one ciphertext belong to one key (SEAL1 §6, row 18).
 *
 * Streams are async iterables that are pulled: memory holds about 2 MiB, whatever the file's size, and
 * whoever stops pulling has cancelled. A piece is good until the next one is asked for. Plaintext that was
 * yielded is authentic, but the file is whole only when the generator has returned.
 */

import { concat, equal, utf8 } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { leaveBehind } from "../lib/garbage.js";
import { regroup } from "../lib/regroup.js";
import {
  FILE_CHUNK_BYTES,
  FILE_PREFIX_BYTES,
  FILE_SALT_BYTES,
  HASH_BYTES,
  IV_BYTES,
  KEY_BYTES,
  TAG_BYTES,
} from "./constants.js";
import { importAeadKey, randomBytes } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileKey } from "./types.js" */

/** @typedef {"SHA-512" | "SHA-256"} Hash of HKDF-Expand: SHA-512 is ours, SHA-256 that of published vectors */
/** @typedef {{ key: CryptoKey, baseNonce: Bytes, commitment: Bytes }} ChunkCipher */

const { subtle } = globalThis.crypto;
const INFO = "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const DERIVED_BYTES = KEY_BYTES + IV_BYTES + HASH_BYTES;
const SEALED_CHUNK_BYTES = FILE_CHUNK_BYTES + TAG_BYTES;
const CHUNKS_AT_ONCE = 64; // 1 MiB: enough to keep the engine's threads busy

/** FK of a new file. */
export function makeFileKey() {
  return /** @type {FileKey} */ (randomBytes(KEY_BYTES));
}

/**
 * Size of the ciphertext of a plaintext.
 * @param {number} plaintextBytes
 * @returns {number} in bytes
 */
export function encryptedSize(plaintextBytes) {
  const chunks = Math.floor(plaintextBytes / FILE_CHUNK_BYTES) + 1;
  return FILE_PREFIX_BYTES + plaintextBytes + chunks * TAG_BYTES;
}

/**
 * Where chunk `index` begins in the ciphertext; it ends where the next one begins, or the file does.
 * @param {number} index from 0
 * @returns {number} in bytes
 */
export function chunkOffset(index) {
  return FILE_PREFIX_BYTES + index * SEALED_CHUNK_BYTES;
}

/**
 * @param {FileKey} fileKey FK, 32 bytes, for one file only
 * @param {Bytes} context of the file
 * @param {AsyncIterable<Uint8Array>} plaintext in pieces of any size
 * @param {{ hash?: Hash, salt?: Bytes }} [options] salt: 24 bytes, given by tests only
 * @returns {AsyncGenerator<Bytes, void>} the ciphertext, in pieces of about 1 MiB
 */
export async function* encryptFile(fileKey, context, plaintext, options = {}) {
  const { hash = "SHA-512", salt = randomBytes(FILE_SALT_BYTES) } = options;
  const cipher = await deriveCipher(fileKey, context, salt, hash);
  yield concat(salt, cipher.commitment);
  const sealed = new Uint8Array(CHUNKS_AT_ONCE * SEALED_CHUNK_BYTES);
  let index = 0;
  for await (const span of regroup(plaintext, CHUNKS_AT_ONCE * FILE_CHUNK_BYTES)) {
    const chunks = cut(span, FILE_CHUNK_BYTES, CHUNKS_AT_ONCE);
    yield fill(sealed, await Promise.all(chunks.map((chunk, i) => seal(cipher, index + i, chunk))));
    index += chunks.length;
    leaveBehind(span.length);
  }
}

/**
 * Throws (the generator): DecryptError("auth-failed") for a wrong key or context, and for a file that
 * was changed, cut, extended or put together differently.
 * @param {FileKey} fileKey FK, 32 bytes
 * @param {Bytes} context of the file
 * @param {AsyncIterable<Uint8Array>} ciphertext in pieces of any size
 * @param {{ hash?: Hash }} [options]
 * @returns {AsyncGenerator<Bytes, void>} the plaintext, in pieces of about 1 MiB
 */
export async function* decryptFile(fileKey, context, ciphertext, { hash = "SHA-512" } = {}) {
  const spans = regroup(ciphertext, CHUNKS_AT_ONCE * SEALED_CHUNK_BYTES, FILE_PREFIX_BYTES);
  const { value: prefix } = await spans.next();
  const cipher = await openCipher(fileKey, context, /** @type {Bytes} */ (prefix), { hash });
  const opened = new Uint8Array(CHUNKS_AT_ONCE * FILE_CHUNK_BYTES);
  let index = 0;
  for await (const span of spans) {
    const chunks = cut(span, SEALED_CHUNK_BYTES, CHUNKS_AT_ONCE);
    yield fill(
      opened,
      await Promise.all(chunks.map((chunk, i) => openChunk(cipher, index + i, chunk))),
    );
    index += chunks.length;
    leaveBehind(span.length);
  }
}

/**
 * Begin to read a file anywhere.
 *
 * Throws: DecryptError("auth-failed") when this key, context and prefix do not belong together.
 * @param {FileKey} fileKey FK, 32 bytes
 * @param {Bytes} context of the file
 * @param {Bytes} prefix the first 56 bytes of the ciphertext
 * @param {{ hash?: Hash }} [options]
 * @returns {Promise<ChunkCipher>}
 */
export async function openCipher(fileKey, context, prefix, { hash = "SHA-512" } = {}) {
  if (prefix.length !== FILE_PREFIX_BYTES) throw new DecryptError("auth-failed");
  const salt = prefix.subarray(0, FILE_SALT_BYTES);
  const cipher = await deriveCipher(fileKey, context, salt, hash);
  if (!equal(cipher.commitment, prefix.subarray(FILE_SALT_BYTES))) {
    throw new DecryptError("auth-failed");
  }
  return cipher;
}

/**
 * Open one chunk; that it is the last one is said by its length only, so whoever reads a file chunk by
 * chunk must know from elsewhere how long the file is.
 *
 * Throws: DecryptError("auth-failed").
 * @param {ChunkCipher} cipher from `openCipher`
 * @param {number} index from 0
 * @param {Bytes} chunk 16,400 bytes, or fewer when it is the last
 * @returns {Promise<Bytes>} 16 KiB, or fewer when it is the last
 */
export async function openChunk({ key, baseNonce }, index, chunk) {
  if (chunk.length < TAG_BYTES) throw new DecryptError("auth-failed");
  const algorithm = { name: "AES-GCM", iv: nonceOf(baseNonce, index) };
  try {
    return new Uint8Array(await subtle.decrypt(algorithm, key, chunk));
  } catch {
    throw new DecryptError("auth-failed");
  }
}

/**
 * @param {ChunkCipher} cipher
 * @param {number} index
 * @param {Bytes} chunk
 */
async function seal({ key, baseNonce }, index, chunk) {
  const algorithm = { name: "AES-GCM", iv: nonceOf(baseNonce, index) };
  return new Uint8Array(await subtle.encrypt(algorithm, key, chunk));
}

/**
 * @param {Bytes} memory
 * @param {readonly Bytes[]} chunks
 * @returns {Bytes} as much of the memory as they take, one after another
 */
function fill(memory, chunks) {
  let length = 0;
  for (const chunk of chunks) {
    memory.set(chunk, length);
    length += chunk.length;
  }
  return memory.subarray(0, length);
}

/**
 * The chunks of a span. A full span has none that is short; every other one ends with one, even an
 * empty one.
 * @param {Bytes} span
 * @param {number} size
 * @param {number} most chunks in a full span
 */
function cut(span, size, most) {
  const count = Math.min(Math.floor(span.length / size) + 1, most);
  return Array.from({ length: count }, (_, i) => span.subarray(i * size, (i + 1) * size));
}

/**
 * @param {Bytes} baseNonce
 * @param {number} index
 */
function nonceOf(baseNonce, index) {
  const nonce = baseNonce.slice();
  const view = new DataView(nonce.buffer);
  view.setBigUint64(4, view.getBigUint64(4) ^ BigInt(index));
  return nonce;
}

/**
 * @param {FileKey} fileKey
 * @param {Bytes} context
 * @param {Bytes} salt
 * @param {Hash} hash
 * @returns {Promise<ChunkCipher>}
 */
async function deriveCipher(fileKey, context, salt, hash) {
  if (fileKey.length !== KEY_BYTES) throw new AppError("malformed", "file key");
  const derived = await expand(hash, fileKey, concat(utf8(INFO), salt, context), DERIVED_BYTES);
  const key = await importAeadKey(derived.slice(0, KEY_BYTES));
  const baseNonce = derived.slice(KEY_BYTES, KEY_BYTES + IV_BYTES);
  return { key, baseNonce, commitment: derived.slice(KEY_BYTES + IV_BYTES) };
}

/**
 * HKDF-Expand of RFC 5869, which WebCrypto has only together with HKDF-Extract.
 * @param {Hash} hash
 * @param {Bytes} key pseudorandom
 * @param {Bytes} info
 * @param {number} length in bytes
 */
async function expand(hash, key, info, length) {
  const algorithm = { name: "HMAC", hash };
  const hmacKey = await subtle.importKey("raw", key, algorithm, false, ["sign"]);
  let block = new Uint8Array(0);
  let output = block;
  for (let counter = 1; output.length < length; counter += 1) {
    const input = concat(block, info, Uint8Array.of(counter));
    block = new Uint8Array(await subtle.sign("HMAC", hmacKey, input));
    output = concat(output, block);
  }
  return output.slice(0, length);
}
