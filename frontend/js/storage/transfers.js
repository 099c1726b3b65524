/** Transfers that this device has sent or got, with the keys of their files: ids in the clear, all else sealed. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/** @typedef {"sent_transfers" | "received_transfers"} TransferStore */
/** @typedef {{ id: string, sealed: Bytes }} TransferRow */

/**
 * @param {Database} db
 * @param {TransferStore} store
 * @returns {Promise<TransferRow[]>}
 */
export async function readTransfers(db, store) {
  return /** @type {TransferRow[]} */ (await db.getAll(store));
}

/**
 * @param {TransferStore} store
 * @param {TransferRow} row
 * @returns {Change}
 */
export function putTransfer(store, row) {
  return { store, put: row };
}

/**
 * @param {TransferStore} store
 * @param {string} id
 * @returns {Change}
 */
export function removeTransfer(store, id) {
  return { store, remove: id };
}
