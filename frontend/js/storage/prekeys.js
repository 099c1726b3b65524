/** Private halves of the prekeys this device has published. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/**
 * @typedef {object} PreKeyRow
 * @property {number} id
 * @property {CryptoKey} privateKey
 * @property {Bytes} publicKey 65 bytes
 * @property {number} createdAtMs
 */

/** @typedef {"signed_prekeys" | "one_time_prekeys"} PreKeyStore */

/**
 * @param {Database} db
 * @param {PreKeyStore} store
 * @param {number} id
 * @returns {Promise<PreKeyRow | undefined>}
 */
export async function readPreKey(db, store, id) {
  return /** @type {PreKeyRow | undefined} */ (await db.get(store, id));
}

/**
 * @param {Database} db
 * @param {PreKeyStore} store
 * @returns {Promise<PreKeyRow[]>} by ascending id
 */
export async function readPreKeys(db, store) {
  return /** @type {PreKeyRow[]} */ (await db.getAll(store));
}

/**
 * @param {PreKeyStore} store
 * @param {PreKeyRow} row
 * @returns {Change}
 */
export function putPreKey(store, { id, privateKey, publicKey, createdAtMs }) {
  return { store, put: { id, privateKey, publicKey, createdAtMs } };
}

/**
 * @param {PreKeyStore} store
 * @param {number} id
 * @returns {Change}
 */
export function removePreKey(store, id) {
  return { store, remove: id };
}
