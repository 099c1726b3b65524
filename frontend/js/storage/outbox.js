/** What was written and is not acknowledged yet, in the order it was written. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/** @typedef {{ key: string, room: string, position: number, sealed: Bytes }} OutboxRow */

/**
 * @param {Database} db
 * @returns {Promise<OutboxRow[]>} by ascending position
 */
export async function readOutbox(db) {
  const rows = /** @type {OutboxRow[]} */ (await db.getAll("outbox"));
  return rows.sort((a, b) => a.position - b.position);
}

/**
 * @param {OutboxRow} row
 * @returns {Change}
 */
export function putOutbox(row) {
  return { store: "outbox", put: row };
}

/**
 * @param {string} key
 * @returns {Change}
 */
export function removeOutbox(key) {
  return { store: "outbox", remove: key };
}
