/**
 * Which devices an account has: a versioned, hash-chained list signed by the account key.
 *
 *     DevListBody = T("SEAL1/devlist", userId, u64 version, prevHash32, u64 issuedAtMs, e1 … en)
 *     e           = deviceId16 ‖ certHash32 ‖ u8 status (1 active, 2 revoked) ‖ u64 sinceMs
 *     sig         = SIGN(AIK, "devlist", body)     listHash = H(body)
 *
 * The first version is 1 with a zero prevHash. Revoked devices stay as tombstones; an entry never goes
 * back from revoked to active and a device id never changes its certificate.
 */

import { concat, equal, readU64, toHex, u64, u8 } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { HASH_BYTES, ID_BYTES, LABEL } from "./constants.js";
import { sign, verify } from "./curve.js";
import { parseTuple, tuple } from "./encoding.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { DeviceList, DeviceListEntry, PublicKey, Signature } from "./types.js" */

const ENTRY_BYTES = ID_BYTES + HASH_BYTES + 1 + 8;
const STATUS_BYTE = Object.freeze({ active: 1, revoked: 2 });

/** prevHash of the first version. */
export const NO_LIST_HASH = new Uint8Array(HASH_BYTES);

/**
 * Make and sign the version that follows `previous`.
 * @param {object} change
 * @param {Bytes} change.userId 16 bytes
 * @param {DeviceList | null} change.previous null for the first version
 * @param {readonly DeviceListEntry[]} change.entries all of them, tombstones included
 * @param {number} change.issuedAtMs
 * @param {CryptoKey} accountPrivateKey AIK
 * @returns {Promise<{ body: Bytes, signature: Signature, list: DeviceList }>}
 */
export async function issueDeviceList(change, accountPrivateKey) {
  const { userId, previous, entries, issuedAtMs } = change;
  const body = tuple(
    LABEL.deviceList,
    userId,
    u64((previous?.version ?? 0) + 1),
    previous?.hash ?? NO_LIST_HASH,
    u64(issuedAtMs),
    ...entries.map(dumpEntry),
  );
  const list = await parseDeviceList(body);
  requireSuccessor(previous, list);
  return { body, signature: await sign(accountPrivateKey, "devlist", body), list };
}

/**
 * Verify the signature of one list and read it.
 *
 * Throws: AppError "malformed", "bad_key" or "bad_signature" (also when it is another user's list).
 * @param {{ body: Bytes, signature: Bytes }} signed
 * @param {Bytes} userId whose list it must be
 * @param {PublicKey} accountKey the pinned AIK
 * @returns {Promise<DeviceList>}
 */
export async function verifyDeviceList({ body, signature }, userId, accountKey) {
  const list = await parseDeviceList(body);
  if (!equal(list.userId, userId)) throw new AppError("bad_signature", "list of another user");
  await verify(accountKey, "devlist", body, signature);
  return list;
}

/**
 * Follow a chain of verified lists from the pinned one; returns the one to pin.
 *
 * Throws: AppError "list_rollback" (older than pinned), "list_fork" (equal version with another hash, or
 * a successor that does not point at its predecessor: the server shows two histories), "list_gap"
 * (versions between are missing: fetch them), "list_revival" (a revoked device came back, or a device id
 * changed its certificate).
 * @param {DeviceList | null} pinned null on first contact
 * @param {readonly DeviceList[]} lists ascending by version, at least one
 * @returns {DeviceList}
 */
export function followDeviceLists(pinned, lists) {
  const last = lists.at(-1);
  if (last === undefined) throw new AppError("malformed", "no list");
  if (pinned !== null && last.version < pinned.version) throw new AppError("list_rollback");
  let head = pinned;
  for (const list of lists) {
    if (head === null || list.version > head.version) {
      requireSuccessor(head, list);
      head = list;
    } else if (list.version === head.version && !equal(list.hash, head.hash)) {
      throw new AppError("list_fork", "equal version, different hash");
    }
  }
  return /** @type {DeviceList} */ (head);
}

/**
 * Read a list without believing it.
 *
 * Throws: AppError("malformed").
 * @param {Bytes} body
 * @returns {Promise<DeviceList>}
 */
export async function parseDeviceList(body) {
  const { fields, rest } = parseTuple(body, LABEL.deviceList, [ID_BYTES, 8, HASH_BYTES, 8]);
  const [userId, version, prevHash, issuedAt] = /** @type {[Bytes, Bytes, Bytes, Bytes]} */ (
    fields
  );
  const entries = rest.map(parseEntry);
  if (new Set(entries.map((entry) => toHex(entry.deviceId))).size !== entries.length) {
    throw new AppError("malformed", "device listed twice");
  }
  return Object.freeze({
    userId,
    version: readU64(version),
    prevHash,
    issuedAtMs: readU64(issuedAt),
    entries: Object.freeze(entries),
    hash: await sha256(body),
  });
}

/**
 * Find the entry of a device.
 * @param {DeviceList} list
 * @param {Bytes} deviceId
 * @returns {DeviceListEntry | undefined}
 */
export function findEntry(list, deviceId) {
  return list.entries.find((entry) => equal(entry.deviceId, deviceId));
}

/**
 * @param {DeviceList | null} previous
 * @param {DeviceList} next
 */
function requireSuccessor(previous, next) {
  if (next.version === 0) throw new AppError("malformed", "version 0");
  if (next.version === 1 && !equal(next.prevHash, NO_LIST_HASH)) throw new AppError("list_fork");
  if (previous === null) return; // first contact: whatever the account signed is trusted on first use
  if (next.version !== previous.version + 1) throw new AppError("list_gap");
  if (!equal(next.prevHash, previous.hash)) throw new AppError("list_fork", "broken chain");
  for (const entry of previous.entries) {
    const later = findEntry(next, entry.deviceId);
    const isSame = later !== undefined && equal(later.certHash, entry.certHash);
    if (!isSame || (entry.status === "revoked" && later.status === "active")) {
      throw new AppError("list_revival");
    }
  }
}

/** @param {DeviceListEntry} entry */
function dumpEntry({ deviceId, certHash, status, sinceMs }) {
  return concat(deviceId, certHash, u8(STATUS_BYTE[status]), u64(sinceMs));
}

/**
 * @param {Bytes} bytes
 * @returns {DeviceListEntry}
 */
function parseEntry(bytes) {
  if (bytes.length !== ENTRY_BYTES) throw new AppError("malformed", "device list entry");
  const code = bytes[ID_BYTES + HASH_BYTES];
  if (code !== STATUS_BYTE.active && code !== STATUS_BYTE.revoked) {
    throw new AppError("malformed", "device status");
  }
  return Object.freeze({
    deviceId: bytes.slice(0, ID_BYTES),
    certHash: bytes.slice(ID_BYTES, ID_BYTES + HASH_BYTES),
    status: code === STATUS_BYTE.active ? "active" : "revoked",
    sinceMs: readU64(bytes, ENTRY_BYTES - 8),
  });
}
