/**
 * The golden vectors of what links bring, recomputed by our own modules.
 *
 * Runs in node and in a page, as `vectors.js` does: it asserts nothing but returns what was expected
 * beside what came out.
 */

import { decryptFile } from "../../../frontend/js/crypto/cobblestone.js";
import { fileContext } from "../../../frontend/js/crypto/file-manifest.js";
import { unpadFile } from "../../../frontend/js/crypto/file-padding.js";
import { verifyPartList, PartHasher } from "../../../frontend/js/crypto/file-root.js";
import * as link from "../../../frontend/js/crypto/link.js";
import { makeLinkManifest, readLinkManifest } from "../../../frontend/js/crypto/link-manifest.js";
import { sha256 } from "../../../frontend/js/crypto/primitives.js";
import { fingerprint } from "../../../frontend/js/crypto/safety-number.js";
import { fromBase64url, fromHex, fromUtf8, toHex } from "../../../frontend/js/lib/bytes.js";
import { collect, inPieces, pattern } from "./file-fixtures.js";
import { refusalOf } from "./fixtures.js";

/** @typedef {{ name: string, expected: string, actual: string }} Result */

/**
 * @param {Record<string, any>} vectors the parsed tests/vectors/seal_link.json
 * @param {Function} argon2id
 * @returns {Promise<Result[]>}
 */
export async function runLinkVectors(vectors, argon2id) {
  /** @type {Result[]} */
  const results = [];
  const add = (name, expected, actual) =>
    results.push({ name: `link › ${name}`, expected: String(expected), actual: String(actual) });
  for (const vector of vectors.accepted) {
    for (const [what, actual] of Object.entries(await accepted(vectors, vector, argon2id))) {
      add(`${vector.name} › ${what}`, expectedOf(vectors, vector, what), actual);
    }
  }
  for (const vector of vectors.refused) add(vector.name, vector.reason, await refused(vector));
  return results;
}

async function accepted(vectors, { passphrase, manifest, from }, argon2id) {
  const [secret, id] = [fromHex(vectors.secret), fromHex(vectors.transfer_id)];
  const isOpen = passphrase === null;
  const safe = isOpen ? secret : await link.protectSecret(secret, passphrase, id, argon2id);
  const { auth, manifestKey } = await link.deriveLinkKeys(safe);
  const content = await link.openLinkManifest(manifestKey, id, fromBase64url(manifest));
  const opened = await readLinkManifest(content, id);
  const again = await makeLinkManifest({ transferId: id, files: opened.files, signer: null });
  const contents = opened.files.map((file, i) => contentOf(file, vectors.files[i].ciphertext));
  return {
    fragment: link.dumpFragment(secret),
    auth: toHex(auth),
    auth_hash: toHex(await sha256(auth)),
    manifest_key: toHex(manifestKey),
    json: fromUtf8(content).trimEnd(),
    json_bytes: content.length,
    contents: (await Promise.all(contents)).join(),
    from: opened.from === null ? null : await senderOf(opened.from),
    ...(from === null ? { again: fromUtf8(again).trimEnd() } : {}),
  };
}

function expectedOf(vectors, vector, what) {
  if (what === "again") return vector.json;
  if (what === "from") return vector.from && Object.values(vector.from).join();
  if (what !== "contents") return vector[what] ?? vectors[what];
  const { length } = JSON.parse(vector.json).files;
  return vectors.files.slice(0, length).map(({ size }) => toHex(pattern(size)));
}

async function senderOf({ name, userId, deviceId, accountKey }) {
  const number = await fingerprint({ userId, accountKey });
  return [name, toHex(userId), toHex(deviceId), number].join();
}

async function contentOf({ fileId, fileKey, root, sizeBytes }, ciphertext) {
  const bytes = fromBase64url(ciphertext);
  const hasher = new PartHasher();
  await hasher.update(bytes);
  await verifyPartList(root, fileId, await hasher.finish());
  const padded = decryptFile(fileKey, fileContext(fileId), inPieces(bytes));
  return toHex(await collect(unpadFile(padded, sizeBytes)));
}

async function refused({ transfer_id: transferId, secret, manifest }) {
  const { manifestKey } = await link.deriveLinkKeys(fromHex(secret));
  const id = fromHex(transferId);
  const refusal = await refusalOf(async () =>
    readLinkManifest(await link.openLinkManifest(manifestKey, id, fromBase64url(manifest)), id),
  );
  return ["bad_signature", "bad_key"].includes(refusal) ? "bad-signature" : refusal;
}
