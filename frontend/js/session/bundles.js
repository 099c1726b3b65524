/** Prekeys of others: claimed for the devices a session has to begin with, and verified. */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { verifyBundle } from "../crypto/prekeys.js";
import { randomBytes } from "../crypto/primitives.js";
import { claimAnswer } from "../protocol/bodies.js";
import { CLAIM_TARGETS } from "../protocol/limits.js";
import { peerName } from "./sessions.js";

/** @import { Bundle } from "../protocol/bodies.js" */
/** @import { Core } from "./model.js" */
/** @import { PeerDevice, PreKeyBundle } from "./sessions.js" */

/**
 * Claim one bundle for each device. A device that the server leaves out, or whose signed prekey is too
 * old, is missing from the answer.
 *
 * Throws: AppError "offline", "bad_signature", "bad_key" or a refusal.
 * @param {Core} core
 * @param {readonly PeerDevice[]} peers
 * @returns {Promise<Map<string, PreKeyBundle>>} by peer name
 */
export async function claimBundles(core, peers) {
  /** @type {Map<string, PreKeyBundle>} */
  const bundles = new Map();
  for (let i = 0; i < peers.length; i += CLAIM_TARGETS) {
    const asked = peers.slice(i, i + CLAIM_TARGETS);
    const claim = {
      claim_id: toBase64url(randomBytes(16)),
      targets: asked.map(({ user, device }) => ({ user, device })),
    };
    for (const bundle of (await claimOnce(core, claim)).bundles) {
      const peer = asked.find(
        ({ user, device }) => user === bundle.user && device === bundle.device,
      );
      const verified = peer === undefined ? null : await checkBundle(core, peer, bundle);
      if (verified !== null) bundles.set(peerName(bundle.user, bundle.device), verified);
    }
  }
  return bundles;
}

/**
 * The same claim again gives the same bundles, so a lost answer costs no prekey.
 * @param {Core} core
 * @param {object} claim
 */
async function claimOnce({ api }, claim) {
  try {
    return await api.call("POST", "/api/e2ee/prekeys/claim", claimAnswer, claim);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "offline") throw error;
    return api.call("POST", "/api/e2ee/prekeys/claim", claimAnswer, claim);
  }
}

/**
 * @param {Core} core
 * @param {PeerDevice} peer
 * @param {Bundle} bundle
 * @returns {Promise<PreKeyBundle | null>} null for a device that is not in use any more
 */
async function checkBundle(core, { certificate }, { spk, opk }) {
  const verified = {
    signedPreKey: {
      id: spk.id,
      publicKey: fromBase64url(spk.pub),
      createdAtMs: spk.created_ms,
      expiresAtMs: spk.expires_ms,
      signature: fromBase64url(spk.sig),
    },
    oneTimePreKey: opk && {
      id: opk.id,
      publicKey: fromBase64url(opk.pub),
      signature: fromBase64url(opk.sig),
    },
  };
  try {
    await verifyBundle(certificate, verified, core.serverNowMs());
    return verified;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "device_inactive") throw error;
    core.log.warn("device.inactive");
    return null;
  }
}
