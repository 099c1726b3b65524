/**
 * The Double Ratchet between two devices (SEAL1 §4.5).
 *
 *     ciphertext = iv12 ‖ AES-256-GCM(encKey, iv, plaintext, aad = LP(TH) ‖ header)
 *
 * States are values: `encrypt` and `decrypt` return the next one and leave the given one as it was, so
 * the caller commits by storing what it got and a failure needs no rollback. Before an encrypted
 * message leaves, its state must be stored durably.
 *
 *     initiator  ──encrypt──▶ sends at once (CKs from the signed prekey)
 *     responder  ──decrypt──▶ can send after its first message (no CKs before)
 */

import { concat, equal, wipe } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { COUNTER_LIMIT, MAX_SKIP, MAX_STORED_SKIPPED, SKIPPED_TTL_MS } from "./constants.js";
import { generateAgreementKeyPair } from "./curve.js";
import { lengthPrefixed } from "./encoding.js";
import { aeadOpen, aeadSeal } from "./primitives.js";
import { deriveMessageKey, deriveRoot, stepChain } from "./ratchet-chains.js";
import { dumpHeader, parseHeader } from "./ratchet-header.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Agreement, ChainKey, KeyPair, MessageKey, PublicKey, RatchetHeader, RatchetState, RootKey, SkippedKey } from "./types.js" */

/**
 * The initiator's first state.
 * @param {Agreement} agreement its shared secret is used up
 * @param {PublicKey} signedPreKey SPK_B, the first DHr
 * @param {KeyPair} [ownRatchet] given by golden vectors only
 * @returns {Promise<RatchetState>}
 */
export async function initiateRatchet({ sharedSecret, transcriptHash }, signedPreKey, ownRatchet) {
  const pair = ownRatchet ?? (await generateAgreementKeyPair());
  const rootKey = /** @type {RootKey} */ (/** @type {Bytes} */ (sharedSecret));
  const root = await deriveRoot(rootKey, pair.privateKey, signedPreKey);
  return Object.freeze({
    ...emptyState(transcriptHash, root.rootKey, pair),
    peerRatchetKey: signedPreKey,
    sendingChainKey: root.chainKey,
    ratchetStep: 1,
  });
}

/**
 * The responder's first state; it cannot send before it has opened a message.
 * @param {Agreement} agreement
 * @param {KeyPair} signedPreKey the pair of SPK_B
 * @returns {RatchetState}
 */
export function respondRatchet({ sharedSecret, transcriptHash }, { privateKey, publicKey }) {
  const rootKey = /** @type {RootKey} */ (/** @type {Bytes} */ (sharedSecret));
  return Object.freeze(emptyState(transcriptHash, rootKey, { privateKey, publicKey }));
}

/**
 * Encrypt one message with the next key of the sending chain.
 *
 * Throws: AppError("no_sending_chain") for a responder before its first message, AppError("too_many")
 * when the chain is used up (2^31 messages without an answer).
 * @param {RatchetState} state
 * @param {Bytes} plaintext
 * @returns {Promise<{ state: RatchetState, header: Bytes, ciphertext: Bytes }>} header of 75 bytes
 */
export async function ratchetEncrypt(state, plaintext) {
  if (state.sendingChainKey === null) throw new AppError("no_sending_chain");
  if (state.sendCount >= COUNTER_LIMIT) throw new AppError("too_many", "messages in one chain");
  const header = dumpHeader({
    ratchetKey: state.ownRatchet.publicKey,
    previousCount: state.previousSendCount,
    number: state.sendCount,
  });
  const { chainKey, messageKey } = await stepChain(state.sendingChainKey);
  const key = await deriveMessageKey(messageKey);
  wipe(messageKey);
  const ciphertext = await aeadSeal(key, plaintext, associatedData(state, header));
  const next = { ...state, sendingChainKey: chainKey, sendCount: state.sendCount + 1 };
  return { state: Object.freeze(next), header, ciphertext };
}

/**
 * Decrypt one message, in whatever order it comes.
 *
 * Throws: DecryptError "duplicate" (opened before, or its key is gone), "too-far" (more than 1,000
 * messages skipped in a chain), "unsupported" (header version), "auth-failed". The state is unchanged;
 * `derivations` of the error says what the attempt cost.
 * @param {RatchetState} state
 * @param {Bytes} header 75 bytes
 * @param {Bytes} ciphertext
 * @param {number} nowMs ages the skipped keys
 * @returns {Promise<{ state: RatchetState, plaintext: Bytes }>}
 */
export async function ratchetDecrypt(state, header, ciphertext, nowMs) {
  const parsed = parseHeader(header);
  const aad = associatedData(state, header);
  const live = state.skipped.filter((key) => nowMs < key.storedAtMs + SKIPPED_TTL_MS);
  const skipped = live.find((key) => isKeyOf(key, parsed));
  if (skipped !== undefined) {
    const plaintext = await openMessage(skipped.messageKey, ciphertext, aad, 0);
    const remaining = live.filter((key) => key !== skipped);
    return { state: Object.freeze({ ...state, skipped: remaining }), plaintext };
  }
  const advanced = await advance({ ...state, skipped: live }, parsed, nowMs);
  const plaintext = await openMessage(advanced.messageKey, ciphertext, aad, advanced.derivations);
  wipe(advanced.messageKey);
  return { state: Object.freeze(advanced.state), plaintext };
}

/**
 * @param {Bytes} transcriptHash
 * @param {RootKey} rootKey
 * @param {KeyPair} ownRatchet
 * @returns {RatchetState}
 */
function emptyState(transcriptHash, rootKey, ownRatchet) {
  return {
    transcriptHash,
    rootKey,
    ownRatchet: Object.freeze(ownRatchet),
    peerRatchetKey: null,
    sendingChainKey: null,
    receivingChainKey: null,
    sendCount: 0,
    receiveCount: 0,
    previousSendCount: 0,
    ratchetStep: 0,
    skipped: [],
  };
}

/**
 * The state after a message that no skipped key opens, and the key of that message.
 * @param {RatchetState} state
 * @param {RatchetHeader} header
 * @param {number} nowMs
 * @returns {Promise<{ state: RatchetState, messageKey: MessageKey, derivations: number }>}
 */
async function advance(state, header, nowMs) {
  const isSameChain =
    state.peerRatchetKey !== null && equal(state.peerRatchetKey, header.ratchetKey);
  if (isSameChain && header.number < state.receiveCount) throw new DecryptError("duplicate");
  // Both gaps are judged before any work, so that a forged header is refused at once (SEAL1 §6, row 16).
  if (header.number - (isSameChain ? state.receiveCount : 0) > MAX_SKIP)
    throw new DecryptError("too-far");
  const turned = isSameChain
    ? { state, skipped: [], derivations: 0 }
    : await turnRatchet(state, header, nowMs);
  const chain = await skipTo(turned.state, header.number, nowMs);
  const { chainKey, messageKey } = await stepChain(chain.chainKey);
  const skipped = [...state.skipped, ...turned.skipped, ...chain.skipped];
  return {
    state: {
      ...turned.state,
      receivingChainKey: chainKey,
      receiveCount: header.number + 1,
      skipped: skipped.slice(-MAX_STORED_SKIPPED),
    },
    messageKey,
    derivations: turned.derivations + chain.skipped.length + 1,
  };
}

/**
 * The DH step for a new key of the peer: finish its old chain, then new receiving and sending chains.
 * @param {RatchetState} state
 * @param {RatchetHeader} header
 * @param {number} nowMs
 */
async function turnRatchet(state, header, nowMs) {
  const ownRatchet = Object.freeze(await generateAgreementKeyPair());
  const receiving = await deriveUnverified(
    state.rootKey,
    state.ownRatchet.privateKey,
    header.ratchetKey,
  );
  const sending = await deriveRoot(receiving.rootKey, ownRatchet.privateKey, header.ratchetKey);
  // A gap that is too large loses the rest of the old chain instead of the message that is here now.
  const isGapKept = header.previousCount - state.receiveCount <= MAX_SKIP;
  const skipped = isGapKept ? (await skipTo(state, header.previousCount, nowMs)).skipped : [];
  /** @type {RatchetState} */
  const next = {
    ...state,
    rootKey: sending.rootKey,
    ownRatchet,
    peerRatchetKey: header.ratchetKey,
    sendingChainKey: sending.chainKey,
    receivingChainKey: receiving.chainKey,
    previousSendCount: state.sendCount,
    sendCount: 0,
    receiveCount: 0,
    ratchetStep: state.ratchetStep + 1,
  };
  return { state: next, skipped, derivations: skipped.length };
}

/**
 * The first use of a key that anyone may have sent: no point on the curve is one more failed message.
 * @param {RootKey} rootKey
 * @param {CryptoKey} privateKey
 * @param {PublicKey} publicKey
 */
async function deriveUnverified(rootKey, privateKey, publicKey) {
  try {
    return await deriveRoot(rootKey, privateKey, publicKey);
  } catch (error) {
    if (error instanceof AppError && error.code === "bad_key")
      throw new DecryptError("auth-failed");
    throw error;
  }
}

/**
 * Derive and keep the keys of the receiving chain from its position up to message `until`.
 * @param {RatchetState} state
 * @param {number} until at most MAX_SKIP further
 * @param {number} storedAtMs
 * @returns {Promise<{ chainKey: ChainKey, skipped: SkippedKey[] }>}
 */
async function skipTo({ receivingChainKey, peerRatchetKey, receiveCount }, until, storedAtMs) {
  /** @type {SkippedKey[]} */
  const skipped = [];
  let chainKey = /** @type {ChainKey} */ (receivingChainKey);
  if (peerRatchetKey === null || receivingChainKey === null) return { chainKey, skipped };
  for (let number = receiveCount; number < until; number += 1) {
    const step = await stepChain(chainKey);
    chainKey = step.chainKey;
    skipped.push(
      Object.freeze({
        ratchetKey: peerRatchetKey,
        number,
        messageKey: step.messageKey,
        storedAtMs,
      }),
    );
  }
  return { chainKey, skipped };
}

/**
 * @param {SkippedKey} key
 * @param {RatchetHeader} header
 */
function isKeyOf(key, header) {
  return key.number === header.number && equal(key.ratchetKey, header.ratchetKey);
}

/**
 * @param {MessageKey} messageKey
 * @param {Bytes} ciphertext
 * @param {Bytes} aad
 * @param {number} derivations spent so far
 */
async function openMessage(messageKey, ciphertext, aad, derivations) {
  const key = await deriveMessageKey(messageKey);
  try {
    return await aeadOpen(key, ciphertext, aad);
  } catch (error) {
    if (error instanceof DecryptError) throw new DecryptError(error.reason, derivations);
    throw error;
  }
}

/**
 * @param {RatchetState} state
 * @param {Bytes} header
 */
function associatedData({ transcriptHash }, header) {
  return concat(lengthPrefixed(transcriptHash), header);
}
