/**
 * The golden vectors of SEAL1 §4.18, recomputed by our own modules.
 *
 * Runs in node (`golden-vectors.test.js`) and in a page (`tests/crypto/test_chromium_vectors.py`): it
 * asserts nothing itself but returns what was expected beside what came out, for every value in the file.
 */

import { concat, fromHex, toHex, u32, u64, utf8 } from "../../../frontend/js/lib/bytes.js";
import { LABEL } from "../../../frontend/js/crypto/constants.js";
import { agree, sign, verify } from "../../../frontend/js/crypto/curve.js";
import { lengthPrefixed, tuple } from "../../../frontend/js/crypto/encoding.js";
import { passwordSalt, splitMasterKey } from "../../../frontend/js/crypto/password.js";
import { commitTo } from "../../../frontend/js/crypto/payload.js";
import { aeadOpen, hkdf, sha256, ZERO_SALT } from "../../../frontend/js/crypto/primitives.js";
import { deriveMessageKey, stepChain } from "../../../frontend/js/crypto/ratchet-chains.js";
import { dumpHeader } from "../../../frontend/js/crypto/ratchet-header.js";
import { initiateRatchet } from "../../../frontend/js/crypto/ratchet.js";
import { dumpRecoveryCode, recoveryKey } from "../../../frontend/js/crypto/recovery-code.js";
import { directRoomId } from "../../../frontend/js/crypto/rooms.js";
import { safetyNumber } from "../../../frontend/js/crypto/safety-number.js";
import {
  identityBytes,
  initiateAgreement,
  respondAgreement,
} from "../../../frontend/js/crypto/x3dh.js";
import {
  goldenIdentity,
  goldenPair,
  KEYS_NAME,
  ONE_TIME_PREKEY_ID,
  repeat,
  SIGNED_PREKEY_ID,
} from "./fixtures.js";

/** The generator of P-256: multiplied by a scalar it gives the public key. */
const GENERATOR = fromHex(
  "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
);
const PASSWORD_NAME =
  'password ("correct horse battery staple", email alice@example.com, salt16=22*16)';
const PART_BYTES = 4_194_304;
const USER_A = repeat("aa", 16);
const USER_B = repeat("bb", 16);

/**
 * @param {Record<string, any>} vectors the parsed tests/vectors/seal1.json
 * @param {(input: object) => Promise<Uint8Array>} argon2id
 * @returns {Promise<{ name: string, expected: string, actual: string }[]>} one for each value
 */
export async function runGoldenVectors(vectors, argon2id) {
  const computed = {
    [KEYS_NAME]: await publicKeys(vectors),
    ...(await handshake(vectors)),
    ...(await messages(vectors)),
    ...(await recovery()),
    [PASSWORD_NAME]: await password(argon2id),
    ...(await filesAndLinks()),
    safety_number: await safety(vectors),
    'T("SEAL1/demo",01,"ab")': toHex(tuple("SEAL1/demo", Uint8Array.of(1), utf8("ab"))),
  };
  const actual = Object.fromEntries(leaves(computed));
  return leaves(vectors).map(([name, expected]) => ({
    name,
    expected: String(expected),
    actual: actual[name] ?? "not computed",
  }));
}

/** The x coordinate by ECDH with the generator, the y coordinate by a signature that only it verifies. */
async function publicKeys(vectors) {
  const names = Object.keys(vectors[KEYS_NAME]);
  const computed = names.map(async (name) => {
    const { privateKey, publicKey } = await goldenPair(vectors, name, "ECDH");
    const x = await agree(privateKey, GENERATOR);
    const { privateKey: signingKey } = await goldenPair(vectors, name, "ECDSA");
    const signature = await sign(signingKey, "devlist", utf8(name));
    await verify(publicKey, "devlist", utf8(name), signature);
    return [name, `04${toHex(x)}${toHex(publicKey.subarray(33))}`];
  });
  return Object.fromEntries(await Promise.all(computed));
}

async function agreements(vectors) {
  const initiator = goldenIdentity(vectors, "A");
  const responder = goldenIdentity(vectors, "B");
  const signedPreKey = {
    id: SIGNED_PREKEY_ID,
    ...(await goldenPair(vectors, "B.SPK", "ECDH")),
  };
  const oneTimePreKey = {
    id: ONE_TIME_PREKEY_ID,
    ...(await goldenPair(vectors, "B.OPK", "ECDH")),
  };
  const initiated = await initiateAgreement({
    own: initiator,
    ownAgreementPrivateKey: (await goldenPair(vectors, "A.DIK", "ECDH")).privateKey,
    peer: responder,
    signedPreKey,
    oneTimePreKey,
    ephemeral: await goldenPair(vectors, "A.EK", "ECDH"),
  });
  const responded = await respondAgreement({
    own: responder,
    ownAgreementPrivateKey: (await goldenPair(vectors, "B.DIK", "ECDH")).privateKey,
    peer: initiator,
    pre: initiated.pre,
    signedPreKey,
    oneTimePreKey,
  });
  if (toHex(initiated.sharedSecret) !== toHex(responded.sharedSecret))
    throw new Error("two secrets");
  return { initiator, responder, signedPreKey, initiated };
}

async function handshake(vectors) {
  const { initiator, responder, signedPreKey, initiated } = await agreements(vectors);
  const firstKey = await goldenPair(vectors, "A.R0", "ECDH");
  const state = await initiateRatchet(initiated, signedPreKey.publicKey, firstKey);
  const { chainKey, messageKey } = await stepChain(state.sendingChainKey);
  const key = await hkdf(ZERO_SALT, messageKey, utf8(LABEL.message), 32);
  const header = dumpHeader({ ratchetKey: firstKey.publicKey, previousCount: 0, number: 0 });
  const associatedData = concat(lengthPrefixed(initiated.transcriptHash), header);
  return {
    x3dh: {
      H_idA: toHex(await sha256(identityBytes(initiator))),
      H_idB: toHex(await sha256(identityBytes(responder))),
      TH: toHex(initiated.transcriptHash),
      SK: toHex(initiated.sharedSecret),
      sid: toHex(initiated.sessionId),
    },
    kdf_rk: { RK: toHex(state.rootKey), CK: toHex(state.sendingChainKey) },
    kdf_ck: { CK1: toHex(chainKey), MK0: toHex(messageKey), msgKey0: toHex(key) },
    ad0_sha256: toHex(await sha256(associatedData)),
    'ct0 (iv=00..0b, pt="hello")': await firstCiphertext(messageKey, associatedData),
  };
}

/** With the IV of the vector, which our own sealing would never take from outside. */
async function firstCiphertext(messageKey, associatedData) {
  const key = await deriveMessageKey(messageKey);
  const iv = fromHex("000102030405060708090a0b");
  const algorithm = { name: "AES-GCM", iv, additionalData: associatedData };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, utf8("hello")));
  const opened = await aeadOpen(key, concat(iv, sealed), associatedData);
  return toHex(opened) === toHex(utf8("hello")) ? toHex(sealed) : "does not open";
}

async function messages() {
  const roomId = await directRoomId(USER_A, USER_B, repeat("77", 16));
  const context = {
    roomId,
    msgId: repeat("66", 16),
    senderUser: USER_A,
    senderDevice: repeat("a1", 16),
  };
  const payloadKey = await hkdf(ZERO_SALT, repeat("11", 32), utf8(LABEL.payload), 32);
  const commitment = await commitTo(context, repeat("55", 32), utf8('{"t":"hi"}'));
  return {
    "dm_roomId (nonce=77*16)": toHex(roomId),
    payloadKey: toHex(payloadKey),
    frank_C2: toHex(commitment),
  };
}

async function safety(vectors) {
  const account = (letter) => goldenIdentity(vectors, letter);
  return (await safetyNumber(account("B"), account("A"))).join(" ");
}

async function recovery() {
  const secret = fromHex("000102030405060708090a0b0c0d0e0f");
  return {
    "recovery_code(00..0f)": await dumpRecoveryCode(secret),
    KEK_rc: toHex(await recoveryKey(USER_A, secret)),
  };
}

async function password(argon2id) {
  const salt = await passwordSalt("alice@example.com", repeat("22", 16));
  const input = { password: utf8("correct horse battery staple"), mKib: 65_536, t: 3, p: 1 };
  const masterKey = await argon2id({ ...input, salt: salt.slice() });
  const { authKey, wrappingKey } = await splitMasterKey(masterKey);
  return {
    salt: toHex(salt),
    MK: toHex(masterKey),
    authKey: toHex(authKey),
    KEK_pw: toHex(wrappingKey),
  };
}

async function filesAndLinks() {
  const partHash = await sha256(utf8("abc"));
  const root = tuple(LABEL.fileRoot, repeat("33", 16), u64(3), u32(PART_BYTES), partHash);
  const secret = repeat("44", 32);
  return {
    'file_root(fileId=33*16, ct=b"abc", part=4MiB)': toHex(await sha256(root)),
    link: {
      auth: toHex(await hkdf(ZERO_SALT, secret, utf8(LABEL.linkAuth), 32)),
      manifest: toHex(await hkdf(ZERO_SALT, secret, utf8(LABEL.linkManifest), 32)),
    },
  };
}

/** @returns {[string, string][]} path and value of every string in a nested object */
function leaves(value, path = "") {
  if (typeof value === "string") return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) =>
    leaves(inner, path === "" ? name : `${path} › ${name}`),
  );
}
