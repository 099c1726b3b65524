/**
 * The own account as this browser keeps it: one record, the device keys, the vault they open.
 *
 *     none ─▶ unlock ─▶ enrolling ─▶ recovery ─▶ ready          enrolling: keys are stored, the server
 *               (the screen comes before the device)             may or may not have heard of them
 *
 * The keys exist from the moment somebody has logged in, so that every record is sealed from its first
 * write on.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { certificateBytes } from "./directory.js";
import { generateDeviceKeys, verifyCertificate } from "../crypto/identity.js";
import { randomBytes } from "../crypto/primitives.js";
import { generateStorageKey } from "../crypto/storage-key.js";
import { putAccount, readAccount } from "../storage/account.js";
import { putKey, readKeys } from "../storage/keys.js";
import { createVault } from "./vault.js";

/** @import { Me } from "../protocol/bodies.js" */
/** @import { Change, Database } from "../storage/db.js" */
/** @import { DeviceKeyPair, AccountRecord, OwnDevice } from "./model.js" */
/** @import { Vault } from "./vault.js" */

/**
 * @typedef {object} LocalAccount
 * @property {string} user
 * @property {string} device
 * @property {Vault} vault
 * @property {AccountRecord} record changed through `saveRecord` only
 */

/**
 * @param {Database} db
 * @returns {Promise<LocalAccount | null>} null when nobody is here
 */
export async function loadLocalAccount(db) {
  const [row, keys] = await Promise.all([readAccount(db), readKeys(db)]);
  if (row === undefined || keys.storage === undefined) return null;
  const { user, device, sealed } = row;
  const vault = createVault(keys.storage, ownerOf(user, device));
  return { user, device, vault, record: await vault.open("account", user, sealed) };
}

/**
 * Begin with a new device of this account; the database is empty.
 * @param {Database} db
 * @param {Me} me
 * @returns {Promise<LocalAccount>}
 */
export async function createLocalAccount(db, me) {
  const device = toBase64url(randomBytes(16));
  const key = await generateStorageKey();
  /** @type {LocalAccount} */
  const account = {
    user: me.id,
    device,
    vault: createVault(key, ownerOf(me.id, device)),
    record: {
      phase: "unlock",
      ...profileOf(me),
      recoveryCode: null,
      passwordOpensBackup: false,
      accountKey: null,
      certificate: null,
    },
  };
  await db.commit([putKey("storage", key), await recordChange(account, account.record)]);
  return account;
}

/**
 * @param {Me} me
 */
export function profileOf({ email, display_name: displayName, friend_code: friendCode, ...me }) {
  const { read_receipts: readReceipts, presence } = me.settings;
  return { email, displayName, friendCode, role: me.role, preferences: { readReceipts, presence } };
}

/**
 * @param {LocalAccount} account
 * @param {AccountRecord} record
 * @returns {Promise<Change>}
 */
export async function recordChange({ user, device, vault }, record) {
  return putAccount({ user, device, sealed: await vault.seal("account", user, record) });
}

/**
 * Change some fields of the record, with other changes in the same transaction.
 * @param {Database} db
 * @param {LocalAccount} account
 * @param {Partial<AccountRecord>} fields
 * @param {readonly Change[]} [others]
 */
export async function saveRecord(db, account, fields, others = []) {
  const record = { ...account.record, ...fields };
  await db.commit([...others, await recordChange(account, record)]);
  Object.assign(account.record, record);
}

/**
 * DSK and DIK, stored before anything is signed with them.
 * @param {Database} db
 * @returns {Promise<{ signing: DeviceKeyPair, agreement: DeviceKeyPair }>}
 */
export async function makeDeviceKeys(db) {
  const { signing, agreement } = await generateDeviceKeys();
  await db.commit([
    putKey("signing", signing.privateKey),
    putKey("agreement", agreement.privateKey),
  ]);
  return { signing, agreement };
}

/**
 * The own device, ready to be used.
 * @param {Database} db
 * @param {LocalAccount} account enrolled
 * @returns {Promise<OwnDevice | null>} null when it is not whole
 */
export async function loadOwnDevice(db, { user, device, record }) {
  const { signing, agreement } = await readKeys(db);
  if (signing === undefined || agreement === undefined) return null;
  if (record.certificate === null || record.accountKey === null) return null;
  const accountKey = fromBase64url(record.accountKey);
  const certificate = await verifyCertificate(certificateBytes(record.certificate), accountKey);
  const ids = { userId: fromBase64url(user, 16), deviceId: fromBase64url(device, 16) };
  return { user, device, ...ids, certificate, signingKey: signing, agreementKey: agreement };
}

/**
 * @param {string} user
 * @param {string} device
 */
function ownerOf(user, device) {
  return { userId: fromBase64url(user, 16), deviceId: fromBase64url(device, 16) };
}
