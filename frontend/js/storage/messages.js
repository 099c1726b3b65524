/** Rows of conversations, found by their order, by being unread, or by being asked for again. */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/**
 * @typedef {object} StoredRow
 * @property {string} key room, sender device and message id; the same message is the same row
 * @property {string} room
 * @property {number} order
 * @property {number} [unread_seq] there while the row counts as unread once it is beyond what was read
 * @property {string} [wanted_from] the device that was or will be asked to send it again
 * @property {Bytes} sealed
 */

const STORE = "messages";

/**
 * @param {Database} db
 * @param {string} key
 * @returns {Promise<StoredRow | undefined>}
 */
export async function readRow(db, key) {
  return /** @type {StoredRow | undefined} */ (await db.get(STORE, key));
}

/**
 * @param {Database} db
 * @param {object} page
 * @param {string} page.room
 * @param {number} [page.after] exclusive
 * @param {number} [page.before] exclusive
 * @param {number} page.limit
 * @param {boolean} page.newest whether the page is cut at its old end
 * @returns {Promise<StoredRow[]>} by ascending order
 */
export async function readPage(db, { room, after, before, limit, newest }) {
  const range = IDBKeyRange.bound(
    [room, after ?? -Infinity],
    [room, before ?? Infinity],
    true,
    true,
  );
  const direction = newest ? "prev" : "next";
  const rows = await db.query({ store: STORE, index: "by_order", range, direction, limit });
  return /** @type {StoredRow[]} */ (newest ? rows.reverse() : rows);
}

/**
 * @param {Database} db
 * @param {string} room
 * @param {number} readSeq
 * @returns {Promise<{ unread: number, firstUnreadSeq: number | null }>}
 */
export async function countUnread(db, room, readSeq) {
  const range = IDBKeyRange.bound([room, readSeq], [room, Infinity], true, true);
  const query = { store: STORE, index: "by_unread", range };
  const [unread, first] = await Promise.all([db.count(query), db.query({ ...query, limit: 1 })]);
  const row = /** @type {StoredRow | undefined} */ (first[0]);
  return { unread, firstUnreadSeq: row?.unread_seq ?? null };
}

/**
 * @param {Database} db
 * @param {string} [device] all devices without it
 * @returns {Promise<StoredRow[]>}
 */
export async function readWanted(db, device) {
  const range = device === undefined ? IDBKeyRange.lowerBound("") : IDBKeyRange.only(device);
  return /** @type {StoredRow[]} */ (
    await db.query({ store: STORE, index: "by_wanted", range, limit: 1_000 })
  );
}

/**
 * @param {StoredRow} row
 * @returns {Change}
 */
export function putRow(row) {
  return { store: STORE, put: row };
}

/**
 * @param {string} key
 * @returns {Change}
 */
export function removeRow(key) {
  return { store: STORE, remove: key };
}

/**
 * Remove every row of a room.
 * @param {string} room
 * @returns {Change} keys of rows begin with their room
 */
export function removeRowsOf(room) {
  return { store: STORE, remove: IDBKeyRange.bound(`${room}/`, `${room}0`, false, true) };
}
