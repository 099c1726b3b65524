/** What is pinned of each person: account key and device list. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/** @typedef {{ user: string, sealed: Bytes }} PinRow */

/**
 * @param {Database} db
 * @returns {Promise<PinRow[]>}
 */
export async function readPins(db) {
  return /** @type {PinRow[]} */ (await db.getAll("pins"));
}

/**
 * @param {PinRow} row
 * @returns {Change}
 */
export function putPin(row) {
  return { store: "pins", put: row };
}
