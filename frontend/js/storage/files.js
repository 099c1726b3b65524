/**
 * Files of rooms and transfers on this device: ciphertext in parts, numbered as at the server, from the
 * first one on.
 *
 * The key of a file stands in the row of its message or transfer, sealed; without it the parts are noise.
 */

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change, Database } from "./db.js" */

/**
 * @typedef {object} StoredFile
 * @property {string} room or transfer that it belongs to
 * @property {string} file id
 * @property {number} parts that are here
 * @property {number} bytes of them together
 * @property {number} used_ms when it was last written or read, milliseconds UTC
 * @property {boolean} verified whether it is whole and was opened to its end
 */

const FILES = "files";
const PARTS = "file_parts";

/**
 * @param {Database} db
 * @returns {Promise<StoredFile[]>}
 */
export async function readFiles(db) {
  return /** @type {StoredFile[]} */ (await db.getAll(FILES));
}

/**
 * @param {StoredFile} file
 * @returns {Change}
 */
export function putFile(file) {
  return { store: FILES, put: file };
}

/**
 * @param {Database} db
 * @param {Pick<StoredFile, "room" | "file">} file
 * @param {number} number from 0
 * @returns {Promise<Bytes | null>} null when it is not here
 */
export async function readPart(db, { room, file }, number) {
  const row = /** @type {{ bytes: Bytes } | undefined} */ (
    await db.get(PARTS, [room, file, number])
  );
  return row?.bytes ?? null;
}

/**
 * @param {Pick<StoredFile, "room" | "file">} file
 * @param {number} number from 0
 * @param {Bytes} bytes ciphertext
 * @returns {Change}
 */
export function putPart({ room, file }, number, bytes) {
  // A view would be stored with everything that is behind it.
  const isView = bytes.byteLength !== bytes.buffer.byteLength;
  return { store: PARTS, put: { room, file, number, bytes: isView ? bytes.slice() : bytes } };
}

/**
 * @param {Pick<StoredFile, "room" | "file">} file
 * @returns {Change[]}
 */
export function removeFile({ room, file }) {
  const parts = IDBKeyRange.bound([room, file], [room, file, Infinity]);
  return [
    { store: FILES, remove: [room, file] },
    { store: PARTS, remove: parts },
  ];
}

/**
 * Remove every file of a room or transfer.
 * @param {string} room
 * @returns {Change[]}
 */
export function removeFilesOf(room) {
  const range = IDBKeyRange.bound([room], [room, []]); // in a key, arrays come after everything else
  return [FILES, PARTS].map((store) => ({ store, remove: range }));
}
