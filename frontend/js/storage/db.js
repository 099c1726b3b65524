/**
 * The browser's database: reads, and one kind of write.
 *
 * A write is a list of changes that is committed as one transaction with strict durability: ratchet
 * states, outbox, rows and cursors of one step become true together, and before anything is sent. No
 * transaction is ever open across a WebCrypto call, which would close it (SEAL1 §4.17).
 */

import { AppError } from "../lib/errors.js";
import { MIGRATIONS } from "./migrations.js";

export const DATABASE_NAME = "sealroom";

/**
 * `expect` makes a change of a row conditional: the stored row must have that `version`, or must not be
 * there (null). Otherwise nothing of the whole list is written.
 * @typedef {{ store: string, put: object, expect?: { key: IDBValidKey, version: number | null } }
 *   | { store: string, remove: IDBValidKey | IDBKeyRange }} Change
 */

/**
 * @typedef {object} Database
 * @property {(store: string, key: IDBValidKey) => Promise<unknown>} get undefined when it is not there
 * @property {(store: string) => Promise<unknown[]>} getAll in the order of the keys
 * @property {(query: IndexQuery) => Promise<unknown[]>} query
 * @property {(query: IndexQuery) => Promise<number>} count without reading the rows
 * @property {(changes: readonly Change[]) => Promise<void>} commit all or nothing, durable when it
 *   resolves; rejects with AppError("storage_conflict") when an expectation fails, AppError("storage_failed")
 *   when the browser refuses (quota, private mode)
 * @property {() => void} close
 */

/**
 * @typedef {object} IndexQuery
 * @property {string} store
 * @property {string} index
 * @property {IDBKeyRange | IDBValidKey} range
 * @property {"next" | "prev"} [direction]
 * @property {number} [limit]
 */

/**
 * Open the database, bringing it to the newest layout.
 *
 * Throws: AppError("storage_failed").
 * @param {IDBFactory} factory
 * @param {string} [name]
 * @returns {Promise<Database>}
 */
export async function openDatabase(factory, name = DATABASE_NAME) {
  const db = await open(factory, name);
  // Another tab has a newer layout: get out of its way, it takes over when we let go.
  db.onversionchange = () => db.close();
  /** @type {Database} */
  const database = {
    get: (store, key) => guarded(() => result(reader(db, store).get(key))),
    getAll: (store) => guarded(() => result(reader(db, store).getAll())),
    query: (query) => guarded(() => runQuery(db, query)),
    count: ({ store, index, range }) =>
      guarded(() => result(reader(db, store).index(index).count(range))),
    commit: (changes) => commit(db, changes),
    close: () => db.close(),
  };
  return Object.freeze(database);
}

/**
 * @param {IDBFactory} factory
 * @returns {Promise<boolean>} true as well where a browser does not tell
 */
export async function hasDatabase(factory) {
  if (factory.databases === undefined) return true;
  return (await factory.databases()).some(({ name }) => name === DATABASE_NAME);
}

/**
 * Delete everything; the database must have been closed.
 * @param {IDBFactory} factory
 * @param {string} [name]
 * @returns {Promise<void>}
 */
export function deleteDatabase(factory, name = DATABASE_NAME) {
  return new Promise((resolve, reject) => {
    const request = factory.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(new AppError("storage_failed", "delete"));
  });
}

/**
 * @param {IDBFactory} factory
 * @param {string} name
 * @returns {Promise<IDBDatabase>}
 */
function open(factory, name) {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, MIGRATIONS.length);
    request.onupgradeneeded = ({ oldVersion }) => {
      const tx = /** @type {IDBTransaction} */ (request.transaction);
      for (const migrate of MIGRATIONS.slice(oldVersion)) migrate(request.result, tx);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new AppError("storage_failed", "open"));
  });
}

/**
 * @param {IDBDatabase} db
 * @param {string} store
 */
function reader(db, store) {
  return db.transaction(store, "readonly").objectStore(store);
}

/**
 * @param {IDBDatabase} db
 * @param {IndexQuery} query
 * @returns {Promise<unknown[]>}
 */
function runQuery(db, { store, index, range, direction = "next", limit = Infinity }) {
  return new Promise((resolve, reject) => {
    /** @type {unknown[]} */
    const rows = [];
    const request = reader(db, store).index(index).openCursor(range, direction);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor !== null) rows.push(cursor.value);
      if (cursor === null || rows.length >= limit) resolve(rows);
      else cursor.continue();
    };
  });
}

/**
 * @param {IDBDatabase} db
 * @param {readonly Change[]} changes
 * @returns {Promise<void>}
 */
function commit(db, changes) {
  if (changes.length === 0) return Promise.resolve();
  const stores = [...new Set(changes.map((change) => change.store))];
  return new Promise((resolve, reject) => {
    let conflict = false;
    try {
      const tx = db.transaction(stores, "readwrite", { durability: "strict" });
      tx.oncomplete = () => resolve();
      tx.onabort = () =>
        reject(
          conflict
            ? new AppError("storage_conflict")
            : new AppError("storage_failed", "abort", { cause: tx.error }),
        );
      for (const change of changes) {
        apply(tx, change, () => {
          conflict = true;
          tx.abort();
        });
      }
    } catch (error) {
      reject(new AppError("storage_failed", "write", { cause: error }));
    }
  });
}

/**
 * @param {IDBTransaction} tx
 * @param {Change} change
 * @param {() => void} onConflict
 */
function apply(tx, change, onConflict) {
  const store = tx.objectStore(change.store);
  if ("remove" in change) {
    store.delete(change.remove);
    return;
  }
  if (change.expect === undefined) {
    store.put(change.put);
    return;
  }
  const { key, version } = change.expect;
  const request = store.get(key);
  request.onsuccess = () => {
    const stored = /** @type {{ version?: number } | undefined} */ (request.result);
    if ((stored?.version ?? null) === version) store.put(change.put);
    else onConflict();
  };
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @template T
 * @param {() => Promise<T>} read
 * @returns {Promise<T>}
 */
async function guarded(read) {
  try {
    return await read();
  } catch (error) {
    throw new AppError("storage_failed", "read", { cause: error });
  }
}
