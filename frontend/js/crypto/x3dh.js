/**
 * X3DH, suite 1 (SEAL1 §4.4): a shared secret with a device that is away.
 *
 *     idX = T("SEAL1/id", userId, deviceId, AIK, DSK, DIK)
 *     DH1 = ECDH(DIK_A, SPK_B)   DH2 = ECDH(EK_A, DIK_B)   DH3 = ECDH(EK_A, SPK_B)   DH4 = ECDH(EK_A, OPK_B)
 *     TH  = H(T("SEAL1/x3dh", u8 suite, idA, idB, EK_A, u32 spkId, SPK_B, u32 opkId|"", OPK_B|"", "", "", ""))
 *     SK  = HKDF(Z32, 0xFF^32 ‖ DH1 ‖ DH2 ‖ DH3 [‖ DH4], "SEAL1/x3dh/sk" ‖ TH, 32)
 *     sid = H("SEAL1/sid" ‖ TH)[0:16]
 *
 * TH holds the full encodings of both identities and of every prekey and goes into SK and into the
 * associated data of every message, so nobody can be made to talk to someone else than they believe.
 */

import { concat, u32, u8, utf8, wipe } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { ID_BYTES, KEY_BYTES, LABEL, SUITE, SUITES_BITMAP } from "./constants.js";
import { agree, generateAgreementKeyPair } from "./curve.js";
import { ABSENT, tuple } from "./encoding.js";
import { hkdf, sha256, ZERO_SALT } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Agreement, DeviceIdentity, KeyPair, PreHeader, PublicKey, SharedSecret } from "./types.js" */

/**
 * @typedef {{ suite: number, initiator: DeviceIdentity, responder: DeviceIdentity,
 *   ephemeralKey: PublicKey, signedPreKey: { id: number, publicKey: PublicKey },
 *   oneTimePreKey: { id: number, publicKey: PublicKey } | null }} Transcript
 */

const PREFIX = new Uint8Array(KEY_BYTES).fill(0xff); // separates the input from that of XEdDSA-style uses

/**
 * Choose the suite from two signed certificates; the server has no say, so it cannot downgrade.
 *
 * Throws: AppError("unsupported") when the newest common suite is not one we speak, or there is none.
 * @param {number} ownSuites bitmap of the own certificate
 * @param {number} peerSuites bitmap of the peer's certificate
 * @returns {number}
 */
export function chooseSuite(ownSuites, peerSuites) {
  const common = ownSuites & peerSuites;
  const suite = 32 - Math.clz32(common);
  if (suite === 0 || (SUITES_BITMAP & (1 << (suite - 1))) === 0)
    throw new AppError("unsupported", "suite");
  return suite;
}

/**
 * Start a session. The caller has verified the peer's list, certificate and bundle.
 *
 * Throws: AppError "bad_key" or "unsupported".
 * @param {object} input
 * @param {DeviceIdentity & { certHash: Bytes }} input.own
 * @param {CryptoKey} input.ownAgreementPrivateKey DIK_A
 * @param {DeviceIdentity} input.peer
 * @param {{ id: number, publicKey: PublicKey }} input.signedPreKey
 * @param {{ id: number, publicKey: PublicKey } | null} input.oneTimePreKey
 * @param {number} [input.suite]
 * @param {KeyPair} [input.ephemeral] EK_A; given by golden vectors only
 * @returns {Promise<Agreement & { pre: PreHeader }>}
 */
export async function initiateAgreement(input) {
  const { own, ownAgreementPrivateKey, peer, signedPreKey, oneTimePreKey, suite = SUITE } = input;
  if (suite !== SUITE) throw new AppError("unsupported", "suite");
  const ephemeral = input.ephemeral ?? (await generateAgreementKeyPair());
  const ephemeralKey = ephemeral.publicKey;
  const agreement = await deriveAgreement(
    { suite, initiator: own, responder: peer, ephemeralKey, signedPreKey, oneTimePreKey },
    await Promise.all([
      agree(ownAgreementPrivateKey, signedPreKey.publicKey),
      agree(ephemeral.privateKey, peer.agreementKey),
      agree(ephemeral.privateKey, signedPreKey.publicKey),
      ...(oneTimePreKey === null ? [] : [agree(ephemeral.privateKey, oneTimePreKey.publicKey)]),
    ]),
  );
  const pre = Object.freeze({
    suite,
    ephemeralKey,
    signedPreKeyId: signedPreKey.id,
    oneTimePreKeyId: oneTimePreKey?.id ?? null,
    certHash: own.certHash,
  });
  return { ...agreement, pre };
}

/**
 * Answer a session that a peer has started. Nothing may be stored or deleted before the first message
 * has been opened with it.
 *
 * Throws: DecryptError "unsupported" (suite), "no-session" (other prekeys than named), "auth-failed"
 * (the ephemeral key is no key).
 * @param {object} input
 * @param {DeviceIdentity} input.own
 * @param {CryptoKey} input.ownAgreementPrivateKey DIK_B
 * @param {DeviceIdentity & { certHash: Bytes }} input.peer the device whose certificate `pre` names
 * @param {PreHeader} input.pre
 * @param {KeyPair & { id: number }} input.signedPreKey
 * @param {(KeyPair & { id: number }) | null} input.oneTimePreKey
 * @returns {Promise<Agreement>}
 */
export async function respondAgreement(input) {
  const { own, ownAgreementPrivateKey, peer, pre, signedPreKey, oneTimePreKey } = input;
  if (pre.suite !== SUITE) throw new DecryptError("unsupported");
  const isNamed =
    pre.signedPreKeyId === signedPreKey.id && pre.oneTimePreKeyId === (oneTimePreKey?.id ?? null);
  if (!isNamed) throw new DecryptError("no-session");
  const { suite, ephemeralKey } = pre;
  try {
    return await deriveAgreement(
      { suite, initiator: peer, responder: own, ephemeralKey, signedPreKey, oneTimePreKey },
      await Promise.all([
        agree(signedPreKey.privateKey, peer.agreementKey),
        agree(ownAgreementPrivateKey, ephemeralKey),
        agree(signedPreKey.privateKey, ephemeralKey),
        ...(oneTimePreKey === null ? [] : [agree(oneTimePreKey.privateKey, ephemeralKey)]),
      ]),
    );
  } catch (error) {
    if (error instanceof AppError && error.code === "bad_key")
      throw new DecryptError("auth-failed");
    throw error;
  }
}

/**
 * The session id that a `pre` leads to, without any private key: tells a known session from a new one.
 * @param {Transcript} transcript
 * @returns {Promise<Bytes>} sid, 16 bytes
 */
export async function sessionIdOf(transcript) {
  return sessionIdFrom(await hashTranscript(transcript));
}

/**
 * @param {DeviceIdentity} device
 * @returns {Bytes}
 */
export function identityBytes({ userId, deviceId, accountKey, signingKey, agreementKey }) {
  return tuple(LABEL.identity, userId, deviceId, accountKey, signingKey, agreementKey);
}

/**
 * @param {Transcript} transcript
 * @param {Bytes[]} secrets DH1 … DH3, and DH4 when there is a one-time prekey; wiped here
 * @returns {Promise<Agreement>}
 */
async function deriveAgreement(transcript, secrets) {
  const transcriptHash = await hashTranscript(transcript);
  const material = concat(PREFIX, ...secrets);
  const info = concat(utf8(LABEL.x3dhSecret), transcriptHash);
  const secret = await hkdf(ZERO_SALT, material, info, KEY_BYTES);
  wipe(material, ...secrets);
  const sharedSecret = /** @type {SharedSecret} */ (secret);
  return { sharedSecret, transcriptHash, sessionId: await sessionIdFrom(transcriptHash) };
}

/** @param {Transcript} transcript */
function hashTranscript(transcript) {
  const { suite, initiator, responder, ephemeralKey, signedPreKey, oneTimePreKey } = transcript;
  return sha256(
    tuple(
      LABEL.x3dh,
      u8(suite),
      identityBytes(initiator),
      identityBytes(responder),
      ephemeralKey,
      u32(signedPreKey.id),
      signedPreKey.publicKey,
      oneTimePreKey === null ? ABSENT : u32(oneTimePreKey.id),
      oneTimePreKey === null ? ABSENT : oneTimePreKey.publicKey,
      ABSENT, // pqId, H(PQEK) and H(PQCT) of suite 2
      ABSENT,
      ABSENT,
    ),
  );
}

/** @param {Bytes} transcriptHash */
async function sessionIdFrom(transcriptHash) {
  return (await sha256(concat(utf8(LABEL.sessionId), transcriptHash))).slice(0, ID_BYTES);
}
