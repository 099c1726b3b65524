/** Single records under a name: the account, the contacts as last seen, counters. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/** @typedef {{ id: string, sealed: Bytes }} SettingRow */

/**
 * @param {Database} db
 * @param {string} id
 * @returns {Promise<SettingRow | undefined>}
 */
export async function readSetting(db, id) {
  return /** @type {SettingRow | undefined} */ (await db.get("settings", id));
}

/**
 * @param {SettingRow} row
 * @returns {Change}
 */
export function putSetting(row) {
  return { store: "settings", put: row };
}

/**
 * @param {string} id
 * @returns {Change}
 */
export function removeSetting(id) {
  return { store: "settings", remove: id };
}
