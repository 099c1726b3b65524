/**
 * A browser becomes a device: keys, certificate, place in the signed list, prekeys (SEAL1 §4.9).
 *
 * Everything that was signed is stored before it is sent, and sent again as it was after a crash or a
 * lost answer; the account's private key is not part of it and is gone by then.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { issueDeviceList, parseDeviceList } from "../crypto/device-list.js";
import { certifyDevice } from "../crypto/identity.js";
import { sha256 } from "../crypto/primitives.js";
import { deviceDirectory, prekeyCount, signedList } from "../protocol/bodies.js";
import { RefusedError, isRefused } from "../protocol/errors.js";
import { putSetting, readSetting, removeSetting } from "../storage/settings.js";
import { fetchDirectory, verifyDirectory } from "./directory.js";
import { loadOwnDevice, makeDeviceKeys, recordChange, saveRecord } from "./local-account.js";
import { makeBatch } from "./own-prekeys.js";

/** @import { Api } from "../net/api.js" */
/** @import { DeviceList, DeviceListEntry, KeyPair } from "../crypto/types.js" */
/** @import { Backup } from "../protocol/bodies.js" */
/** @import { Database } from "../storage/db.js" */
/** @import { LocalAccount } from "./local-account.js" */
/** @import { AccountRecord } from "./model.js" */

const PENDING = "enrolment";
const GONE = ["list_rollback", "conflict", "bad_signature"]; // not a device of the newest list any more

/**
 * @typedef {object} Enrolment
 * @property {KeyPair} account AIK
 * @property {Backup | null} backup the first one, or the one of a new identity
 * @property {boolean} reset the account key replaces another one
 * @property {Partial<AccountRecord>} then what becomes true of the account when the device is enrolled
 */

/**
 * Enrol this browser.
 *
 * Throws: AppError "list_rollback" and its like when the lists of the own account do not verify, or a
 * refusal.
 * @param {{ api: Api, db: Database, nowMs: number }} environment
 * @param {LocalAccount} local
 * @param {Enrolment} enrolment
 */
export async function enrol({ api, db, nowMs }, local, { account, backup, reset, then }) {
  const userId = fromBase64url(local.user, 16);
  const deviceId = fromBase64url(local.device, 16);
  const { signing, agreement } = await makeDeviceKeys(db);
  const certificate = await certifyDevice({
    userId,
    deviceId,
    account,
    signing,
    agreementKey: agreement.publicKey,
    createdAtMs: nowMs,
  });
  const previous = await previousList(api, local.user, account, reset);
  /** @type {DeviceListEntry} */
  const entry = {
    deviceId,
    certHash: await sha256(certificate.body),
    status: "active",
    sinceMs: nowMs,
  };
  const kept = (previous?.entries ?? []).map((old) => (reset ? revoked(old, nowMs) : old));
  const change = { userId, previous, entries: [...kept, entry], issuedAtMs: nowMs };
  const signed = await issueDeviceList(change, account.privateKey);
  const owner = { userId, deviceId, signingPrivateKey: signing.privateKey };
  const prekeys = await makeBatch(
    { db, vault: local.vault, owner, nowMs },
    { signed: true, oneTime: 100 },
  );
  const stored = {
    body: toBase64url(certificate.body),
    signatureA: toBase64url(certificate.accountSignature),
    signatureP: toBase64url(certificate.possessionSignature),
  };
  const body = {
    aik: toBase64url(account.publicKey),
    certificate: dumpCertificate(local.device, stored),
    list: dumpList(signed),
    ...prekeys.upload,
    ...(backup === null ? {} : { backup }),
    reset,
  };
  const record = { ...local.record, accountKey: body.aik, certificate: stored };
  const sealed = await local.vault.seal("setting", PENDING, { body, then });
  await db.commit([
    ...prekeys.changes,
    putSetting({ id: PENDING, sealed }),
    await recordChange(local, record),
  ]);
  Object.assign(local.record, record);
  await finishEnrolment({ api, db }, local);
}

/**
 * Send what was signed, if that has not been done. Idempotent.
 * @param {{ api: Api, db: Database }} environment
 * @param {LocalAccount} local
 * @returns {Promise<boolean>} whether there was something to finish
 */
export async function finishEnrolment({ api, db }, local) {
  const row = await readSetting(db, PENDING);
  if (row === undefined) return false;
  const { body, then } = await local.vault.open("setting", PENDING, row.sealed);
  try {
    await api.call("POST", "/api/e2ee/devices", signedList, body);
  } catch (error) {
    const isKnown = error instanceof RefusedError && (await isEnrolled(api, local));
    if (!isKnown) {
      // A refusal is final for these bytes: what was signed does not follow any more.
      if (error instanceof RefusedError) await db.commit([removeSetting(PENDING)]);
      throw error;
    }
  }
  await saveRecord(db, local, then, [removeSetting(PENDING)]);
  return true;
}

/**
 * Make a new log-in that of the device whose keys are here.
 * @param {{ api: Api, db: Database, nowMs: number }} environment
 * @param {LocalAccount} local enrolled
 * @returns {Promise<boolean>} false when the device has been removed from the account
 */
export async function rejoin({ api, db, nowMs }, local) {
  const isBound = await api.call("GET", "/api/e2ee/prekeys/count", prekeyCount).then(
    () => true,
    (error) => {
      if (isRefused(error, "not_enrolled")) return false;
      throw error;
    },
  );
  if (isBound) return true;
  const own = await loadOwnDevice(db, local);
  const directory = await ownDirectory(api, local.user);
  const list = directory?.lists.at(-1);
  if (own === null || list === undefined || local.record.certificate === null) return false;
  const owner = { userId: own.userId, deviceId: own.deviceId, signingPrivateKey: own.signingKey };
  const wanted = { signed: true, oneTime: 0 };
  const prekeys = await makeBatch({ db, vault: local.vault, owner, nowMs }, wanted);
  await db.commit(prekeys.changes);
  const certificate = dumpCertificate(local.device, local.record.certificate);
  const body = { aik: local.record.accountKey, certificate, list, ...prekeys.upload };
  try {
    await api.call("POST", "/api/e2ee/devices", signedList, body);
    return true;
  } catch (error) {
    if (error instanceof RefusedError && GONE.includes(error.code)) return false;
    throw error;
  }
}

/**
 * @param {string} device
 * @param {{ body: string, signatureA: string, signatureP: string }} certificate
 */
function dumpCertificate(device, { body, signatureA, signatureP }) {
  return { device_id: device, cert: body, sig_a: signatureA, sig_p: signatureP };
}

/**
 * @param {{ body: Uint8Array, signature: Uint8Array, list: DeviceList }} signed
 */
export function dumpList({ body, signature, list }) {
  return { version: list.version, devlist: toBase64url(body), sig: toBase64url(signature) };
}

/**
 * @param {DeviceListEntry} entry
 * @param {number} nowMs
 * @returns {DeviceListEntry}
 */
export function revoked(entry, nowMs) {
  return entry.status === "revoked" ? entry : { ...entry, status: "revoked", sinceMs: nowMs };
}

/**
 * The list that the new one follows. Under the account's own key it is verified; after a reset the old
 * key is gone, and it is only counted on from.
 * @param {Api} api
 * @param {string} user
 * @param {KeyPair} account
 * @param {boolean} reset
 * @returns {Promise<DeviceList | null>}
 */
async function previousList(api, user, account, reset) {
  const directory = await ownDirectory(api, user);
  const newest = directory?.lists.at(-1);
  if (directory === null || newest === undefined) return null;
  if (reset) return parseDeviceList(fromBase64url(newest.devlist));
  if (directory.aik !== toBase64url(account.publicKey)) {
    throw new AppError("bad_signature", "the server names another account key");
  }
  return (await verifyDirectory(directory, null)).list;
}

/**
 * @param {Api} api
 * @param {string} user
 */
export async function ownDirectory(api, user) {
  try {
    return await fetchDirectory(api, user, 0);
  } catch (error) {
    if (isRefused(error, "not_found")) return null;
    throw error;
  }
}

/**
 * @param {Api} api
 * @param {LocalAccount} local
 */
async function isEnrolled(api, { user, device }) {
  const path = `/api/e2ee/users/${user}/devices?since=0`;
  const { certificates } = await api.call("GET", path, deviceDirectory);
  return certificates.some(({ device_id: id }) => id === device);
}
