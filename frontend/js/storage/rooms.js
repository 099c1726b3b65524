/** Rooms with the place up to which this device has read their log. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/** @typedef {{ id: string, sealed: Bytes }} RoomRow */

/**
 * @param {Database} db
 * @returns {Promise<RoomRow[]>}
 */
export async function readRooms(db) {
  return /** @type {RoomRow[]} */ (await db.getAll("rooms"));
}

/**
 * @param {RoomRow} row
 * @returns {Change}
 */
export function putRoom(row) {
  return { store: "rooms", put: row };
}

/**
 * @param {string} id
 * @returns {Change}
 */
export function removeRoom(id) {
  return { store: "rooms", remove: id };
}
