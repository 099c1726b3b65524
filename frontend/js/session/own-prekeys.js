/**
 * The prekeys of this device: made, published, counted, renewed (SEAL1 §4.3).
 *
 * Private halves are stored before the public ones leave. The signed prekey is renewed after 7 days and
 * its private half kept for 21; one-time prekeys are filled up to 100 at each start and when few are
 * left. When the server hands out many more than sessions have arrived here, somebody is draining them:
 * that is logged and the signed prekey renewed early.
 */

import { toBase64url } from "../lib/bytes.js";
import {
  firstPreKeyId,
  isPrivateKeyExpired,
  isRotationDue,
  makeOneTimePreKeys,
  makeSignedPreKey,
} from "../crypto/prekeys.js";
import { ONE_TIME_PREKEYS } from "../crypto/constants.js";
import { prekeyCount } from "../protocol/bodies.js";
import { putPreKey, readPreKeys, removePreKey } from "../storage/prekeys.js";
import { putSetting, readSetting } from "../storage/settings.js";
import { forgetSeenSessions } from "../storage/sessions.js";

/** @import { PreKeyOwner } from "../crypto/prekeys.js" */
/** @import { OneTimePreKey, SignedPreKey } from "../crypto/types.js" */
/** @import { Change, Database } from "../storage/db.js" */
/** @import { PreKeyRow } from "../storage/prekeys.js" */
/** @import { Core } from "./model.js" */
/** @import { Vault } from "./vault.js" */

const COUNTERS = "prekey-counters";
const DRAIN = "prekey-drain";
const UNEXPLAINED = 10; // claims without a session that are still chance: messages on the way

/** @typedef {{ nextSigned: number, nextOneTime: number }} Counters */
/** @typedef {{ changes: Change[], upload: { spk?: object, opks: object[] } }} Batch store, then publish */

/**
 * @typedef {object} OwnPreKeys
 * @property {() => Promise<void>} maintain whatever is due now; safe to call at any time
 * @property {() => Promise<void>} renew after a rollback: a new signed prekey and a full set. The private
 *   halves that came back stay, because the server still hands out their public ones.
 */

/**
 * @param {Core} core
 * @returns {OwnPreKeys}
 */
export function createOwnPreKeys(core) {
  const { own, db, vault, api } = core;
  const owner = { userId: own.userId, deviceId: own.deviceId, signingPrivateKey: own.signingKey };

  /** @param {{ signed: boolean, oneTime: number }} wanted */
  const publish = async (wanted) => {
    const batch = await makeBatch({ db, vault, owner, nowMs: core.serverNowMs() }, wanted);
    await db.commit(batch.changes);
    await api.call("POST", "/api/e2ee/prekeys", prekeyCount, batch.upload);
  };

  const dropExpired = async () => {
    const nowMs = core.serverNowMs();
    const rows = await readPreKeys(db, "signed_prekeys");
    for (const row of rows.slice(0, -1).filter((old) => isPrivateKeyExpired(old, nowMs))) {
      const seen = await forgetSeenSessions(db, row.id);
      await db.commit([removePreKey("signed_prekeys", row.id), ...seen]);
    }
  };

  /**
   * @param {number} missing claimed at the server, not used up here
   * @returns {Promise<boolean>} whether many more are missing than when it was last judged
   */
  const noteDrain = async (missing) => {
    const row = await readSetting(db, DRAIN);
    const { known } = row ? await vault.open("setting", DRAIN, row.sealed) : { known: 0 };
    const isDrained = missing - known > UNEXPLAINED;
    if (isDrained) core.log.warn("prekeys.drained", { missing });
    if (isDrained || missing < known) {
      const sealed = await vault.seal("setting", DRAIN, { known: missing });
      await db.commit([putSetting({ id: DRAIN, sealed })]);
    }
    return isDrained;
  };

  const look = async () => {
    const held = await api.call("GET", "/api/e2ee/prekeys/count", prekeyCount);
    const signed = newest(await readPreKeys(db, "signed_prekeys"));
    const unused = await readPreKeys(db, "one_time_prekeys");
    const isDrained = await noteDrain(unused.length - held.opk);
    const isDue =
      signed === undefined ||
      signed.id !== held.spk_id ||
      isRotationDue(signed, core.serverNowMs()) ||
      isDrained;
    const oneTime = Math.max(0, ONE_TIME_PREKEYS - held.opk);
    if (isDue || oneTime > 0) await publish({ signed: isDue, oneTime });
    await dropExpired();
  };

  return Object.freeze({
    maintain: () => core.mutex.run(look),
    renew: () => core.mutex.run(() => publish({ signed: true, oneTime: ONE_TIME_PREKEYS })),
  });
}

/**
 * Make prekeys with the next ids.
 * @param {{ db: Database, vault: Vault, owner: PreKeyOwner, nowMs: number }} device
 * @param {{ signed: boolean, oneTime: number }} wanted
 * @returns {Promise<Batch>}
 */
export async function makeBatch({ db, vault, owner, nowMs }, { signed, oneTime }) {
  const row = await readSetting(db, COUNTERS);
  /** @type {Counters} */
  const counters = row
    ? await vault.open("setting", COUNTERS, row.sealed)
    : { nextSigned: drawFirst(), nextOneTime: drawFirst() };
  const spk = signed ? await makeSignedPreKey(owner, counters.nextSigned, nowMs) : null;
  const opks = await makeOneTimePreKeys(owner, counters.nextOneTime, oneTime);
  const next = {
    nextSigned: counters.nextSigned + (signed ? 1 : 0),
    nextOneTime: counters.nextOneTime + oneTime,
  };
  const sealed = await vault.seal("setting", COUNTERS, next);
  const changes = [
    putSetting({ id: COUNTERS, sealed }),
    ...(spk === null ? [] : [putPreKey("signed_prekeys", spk)]),
    ...opks.map((opk) => putPreKey("one_time_prekeys", { ...opk, createdAtMs: nowMs })),
  ];
  const upload = {
    ...(spk === null ? {} : { spk: dumpSigned(spk) }),
    opks: opks.map(dumpOneTime),
  };
  return { changes, upload };
}

/** The first id is drawn from the lower half, so that a billion keys fit above it. */
function drawFirst() {
  return firstPreKeyId() >>> 1;
}

/**
 * @param {readonly PreKeyRow[]} rows by ascending id
 * @returns {PreKeyRow | undefined}
 */
function newest(rows) {
  return rows.at(-1);
}

/** @param {SignedPreKey} key */
function dumpSigned({ id, publicKey, createdAtMs, expiresAtMs, signature }) {
  return {
    id,
    pub: toBase64url(publicKey),
    created_ms: createdAtMs,
    expires_ms: expiresAtMs,
    sig: toBase64url(signature),
  };
}

/** @param {OneTimePreKey} key */
function dumpOneTime({ id, publicKey, signature }) {
  return { id, pub: toBase64url(publicKey), sig: toBase64url(signature) };
}
