/** The one account of this browser; ids in the clear, everything else sealed. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/** @typedef {{ user: string, device: string, sealed: Bytes }} AccountRow */

const ID = "account";

/**
 * @param {Database} db
 * @returns {Promise<AccountRow | undefined>}
 */
export async function readAccount(db) {
  return /** @type {AccountRow | undefined} */ (await db.get("settings", ID));
}

/**
 * @param {AccountRow} row
 * @returns {Change}
 */
export function putAccount({ user, device, sealed }) {
  return { store: "settings", put: { id: ID, user, device, sealed } };
}
