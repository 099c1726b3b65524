/**
 * Published test vectors through the browser's wrappers: one JSON object of cases on stdin, the results
 * in the same order on stdout. Bytes are hex; what a wrapper refuses is null.
 */

import { text } from "node:stream/consumers";

import { decryptFile } from "../../frontend/js/crypto/cobblestone.js";
import { agree, importVerifyingKey } from "../../frontend/js/crypto/curve.js";
import { aeadOpen, hkdf, hmac, sha256 } from "../../frontend/js/crypto/primitives.js";
import { fromHex, toBase64url, toHex, utf8 } from "../../frontend/js/lib/bytes.js";
import { AppError } from "../../frontend/js/lib/errors.js";
import { openArgon2id } from "../frontend/crypto/argon2-in-process.js";
import { collect, inPieces } from "../frontend/crypto/file-fixtures.js";

const ECDSA_SHA256 = { name: "ECDSA", hash: "SHA-256" };
const { argon2id, close } = await openArgon2id();

const wrappers = {
  hkdf: ({ salt, secret, info, length }) =>
    hkdf(fromHex(salt), fromHex(secret), fromHex(info), length),
  hmac: ({ key, input }) => hmac(fromHex(key), fromHex(input)),
  gcm: ({ key, sealed, additionalData }) =>
    aeadOpen(fromHex(key), fromHex(sealed), fromHex(additionalData)),
  argon2id: ({ password, salt, ...params }) =>
    argon2id({ password: fromHex(password), salt: fromHex(salt), ...params }),

  async cobblestone({ key, context, ciphertext }) {
    const pieces = inPieces(fromHex(ciphertext), 50_000);
    const options = { hash: "SHA-256" };
    return sha256(await collect(decryptFile(fromHex(key), utf8(context), pieces, options)));
  },

  async ecdh({ scalar, own, peer }) {
    const point = fromHex(own);
    const jwk = {
      kty: "EC",
      crv: "P-256",
      d: toBase64url(fromHex(scalar)),
      x: toBase64url(point.subarray(1, 33)),
      y: toBase64url(point.subarray(33)),
    };
    const algorithm = { name: "ECDH", namedCurve: "P-256" };
    const privateKey = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["deriveBits"]);
    return agree(privateKey, fromHex(peer));
  },

  async ecdsa({ publicKey, message, signature }) {
    const key = await importVerifyingKey(fromHex(publicKey));
    const [r, m] = [fromHex(signature), fromHex(message)];
    return Uint8Array.of(Number(await crypto.subtle.verify(ECDSA_SHA256, key, r, m)));
  },
};

const results = {};
for (const [name, cases] of Object.entries(JSON.parse(await text(process.stdin)))) {
  results[name] = [];
  for (const input of cases) results[name].push(await resultOf(() => wrappers[name](input)));
}
process.stdout.write(JSON.stringify(results));
close();

async function resultOf(compute) {
  try {
    return toHex(await compute());
  } catch (error) {
    // A key pair that does not belong together is refused by the engine itself.
    if (error instanceof AppError || error instanceof DOMException) return null;
    throw error;
  }
}
