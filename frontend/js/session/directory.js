/**
 * The devices of an account as the server shows them, and as they verify (SEAL1 §4.1, §4.9).
 *
 * The server may be lying: nothing of a directory is used before the newest list verifies under its
 * account key, follows the pinned one, and every active device in it has a certificate that both the
 * account and the device have signed. Certificates of devices outside the list are not even read.
 */

import { equal, fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { followDeviceLists, verifyDeviceList } from "../crypto/device-list.js";
import { verifyCertificate } from "../crypto/identity.js";
import { deviceDirectory } from "../protocol/bodies.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Api } from "../net/api.js" */
/** @import { DeviceCertificate, DeviceList } from "../crypto/types.js" */
/** @import { DeviceDirectory, SignedList } from "../protocol/bodies.js" */
/** @import { IdentityRecord } from "./model.js" */

/**
 * @typedef {object} Identity
 * @property {Bytes} accountKey AIK
 * @property {DeviceList} list
 * @property {ReadonlyMap<string, DeviceCertificate>} devices the active ones, by id
 * @property {[number, string][]} chain versions and hashes of the lists that led here, as far as shown
 * @property {IdentityRecord} record the same, as it is stored
 */

/**
 * Ask for the lists from `since` on.
 *
 * One list that is known already is asked for as well: its absence shows a server that went back.
 * @param {Api} api
 * @param {string} user
 * @param {number} pinnedVersion 0 when nothing is pinned
 * @returns {Promise<DeviceDirectory>}
 */
export async function fetchDirectory(api, user, pinnedVersion) {
  const since = Math.max(0, pinnedVersion - 1);
  const path = `/api/e2ee/users/${user}/devices?since=${since}`;
  const directory = await api.call("GET", path, deviceDirectory);
  if (directory.user !== user) throw new AppError("bad_answer", "directory of another user");
  return directory;
}

/**
 * Verify a directory against what is pinned for the same account key, or on first contact.
 *
 * Throws: AppError "list_rollback", "list_fork", "list_gap", "list_revival", "bad_signature", "bad_key"
 * or "malformed".
 * @param {DeviceDirectory} directory
 * @param {Identity | null} pinned null on first contact, and for an account key that is not the pinned
 * @returns {Promise<Identity>}
 */
export async function verifyDirectory(directory, pinned) {
  const userId = fromBase64url(directory.user, 16);
  const accountKey = fromBase64url(directory.aik);
  const newest = directory.lists.at(-1);
  if (newest === undefined) throw new AppError("list_rollback", "nothing where something was");
  const lists =
    pinned === null
      ? await listsOnFirstContact(directory, userId, accountKey)
      : await listsFrom(directory, pinned.list.version, userId, accountKey);
  if (lists.length === 0) throw new AppError("list_rollback");
  const list = followDeviceLists(pinned?.list ?? null, lists);
  const isNew = pinned === null || list.version > pinned.list.version;
  const record = isNew ? listRecord(newest) : pinned.record.list;
  const chain = lists.map(({ version, hash }) => nameOf(version, hash));
  return verifyDevices(directory, { userId, accountKey, list, record, chain });
}

/**
 * Read a stored identity back; it was verified before it was sealed into the database.
 * @param {IdentityRecord} record
 * @param {Bytes} userId
 * @returns {Promise<Identity>}
 */
export async function parseIdentity(record, userId) {
  const accountKey = fromBase64url(record.accountKey);
  const list = await verifyDeviceList(signedBytes(record.list), userId, accountKey);
  /** @type {Map<string, DeviceCertificate>} */
  const devices = new Map();
  for (const stored of record.certificates) {
    const certificate = await verifyCertificate(certificateBytes(stored), accountKey);
    devices.set(toBase64url(certificate.deviceId), certificate);
  }
  const chain = [nameOf(list.version, list.hash)];
  return Object.freeze({ accountKey, list, devices, chain, record });
}

/**
 * The newest list, and those before it as far as the same account key has signed them: older ones may
 * belong to an identity that is gone.
 * @param {DeviceDirectory} directory
 * @param {Bytes} userId
 * @param {Bytes} accountKey
 */
async function listsOnFirstContact({ lists }, userId, accountKey) {
  const [newest, ...earlier] = [...lists].reverse();
  const chain = newest === undefined ? [] : [await readList(newest, userId, accountKey)];
  for (const signed of earlier) {
    const list = await readList(signed, userId, accountKey).catch(() => null);
    if (list === null) break;
    chain.unshift(list);
  }
  return chain;
}

/**
 * @param {DeviceDirectory} directory
 * @param {number} version
 * @param {Bytes} userId
 * @param {Bytes} accountKey
 */
async function listsFrom({ lists }, version, userId, accountKey) {
  const chain = [];
  for (const signed of lists.filter((shown) => shown.version >= version)) {
    chain.push(await readList(signed, userId, accountKey));
  }
  return chain;
}

/**
 * @param {number} version
 * @param {Bytes} hash
 * @returns {[number, string]}
 */
function nameOf(version, hash) {
  return [version, toBase64url(hash)];
}

/**
 * @param {{ body: string, signatureA: string, signatureP: string }} certificate
 */
export function certificateBytes({ body, signatureA, signatureP }) {
  return {
    body: fromBase64url(body),
    accountSignature: fromBase64url(signatureA),
    possessionSignature: fromBase64url(signatureP),
  };
}

/** @param {SignedList} signed */
function listRecord({ devlist, sig }) {
  return { body: devlist, signature: sig };
}

/** @param {{ body: string, signature: string }} record */
function signedBytes({ body, signature }) {
  return { body: fromBase64url(body), signature: fromBase64url(signature) };
}

/**
 * @param {SignedList} signed
 * @param {Bytes} userId
 * @param {Bytes} accountKey
 */
async function readList(signed, userId, accountKey) {
  const list = await verifyDeviceList(signedBytes(listRecord(signed)), userId, accountKey);
  if (list.version !== signed.version) throw new AppError("bad_signature", "list version");
  return list;
}

/**
 * @param {DeviceDirectory} directory
 * @param {{ userId: Bytes, accountKey: Bytes, list: DeviceList,
 *   record: { body: string, signature: string }, chain: [number, string][] }} verified
 * @returns {Promise<Identity>}
 */
async function verifyDevices(directory, { userId, accountKey, list, record, chain }) {
  /** @type {Map<string, DeviceCertificate>} */
  const devices = new Map();
  const certificates = [];
  for (const entry of list.entries.filter(({ status }) => status === "active")) {
    const device = toBase64url(entry.deviceId);
    const offered = directory.certificates.find(({ device_id: id }) => id === device);
    if (offered === undefined) throw new AppError("bad_signature", "certificate missing");
    const stored = { body: offered.cert, signatureA: offered.sig_a, signatureP: offered.sig_p };
    const certificate = await verifyCertificate(certificateBytes(stored), accountKey);
    const isListed =
      equal(certificate.certHash, entry.certHash) &&
      equal(certificate.deviceId, entry.deviceId) &&
      equal(certificate.userId, userId);
    if (!isListed) throw new AppError("bad_signature", "certificate is not the listed one");
    devices.set(device, certificate);
    certificates.push(stored);
  }
  const accountKeyText = toBase64url(accountKey);
  return Object.freeze({
    accountKey,
    list,
    devices,
    chain,
    record: { accountKey: accountKeyText, list: record, certificates },
  });
}
