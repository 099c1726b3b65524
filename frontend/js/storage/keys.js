/** The device's own keys: CryptoKeys that can be used and never read. */

/** @import { Change, Database } from "./db.js" */

/** @typedef {"storage" | "signing" | "agreement"} KeyRole storage: AES-256-GCM for everything at rest */
/** @typedef {{ id: KeyRole, key: CryptoKey }} KeyRow */

/**
 * @param {Database} db
 * @returns {Promise<Partial<Record<KeyRole, CryptoKey>>>}
 */
export async function readKeys(db) {
  const rows = /** @type {KeyRow[]} */ (await db.getAll("keys"));
  return Object.fromEntries(rows.map(({ id, key }) => [id, key]));
}

/**
 * @param {KeyRole} id
 * @param {CryptoKey} key
 * @returns {Change}
 */
export function putKey(id, key) {
  return { store: "keys", put: { id, key } };
}
