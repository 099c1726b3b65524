/**
 * The browser's database: reads, and one kind of write.
 *
 * A write is a list of changes that is committed as one transaction with strict durability: ratchet
 * states, outbox, rows and cursors of one step become true together, and before anything is sent. No
 * transaction is ever open across a WebCrypto call, which would close it (SEAL1 §4.17).
 *
 * Who opens it begins a term, and writes only as long as nobody else has begun one: an engine whose tab
 * slept while another one took over overwrites nothing when it wakes up.
 */

/** @import { Connection } from "./connection.js" */
import { AppError } from "../lib/errors.js";
import { openConnection } from "./connection.js";

export const DATABASE_NAME = "sealroom";
const TERM = { store: "settings", key: "term" };

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
 *   resolves; rejects with AppError("storage_conflict") when an expectation fails, AppError("unavailable")
 *   when somebody else has opened the database since, AppError("storage_failed") when the browser refuses
 *   (quota, private mode), or loses the connection meanwhile: all of it may be there then, or nothing
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
 * What is returned outlives connections that the browser closes. It is closed for good by `close`, and
 * when another tab wants to change or delete the database; then every call is AppError("storage_failed").
 *
 * Throws: AppError("storage_failed").
 * @param {IDBFactory} factory
 * @param {string} [name]
 * @returns {Promise<Database>}
 */
export async function openDatabase(factory, name = DATABASE_NAME) {
  const connection = await openConnection(factory, name);
  const term = await guarded(() => beginTerm(connection));
  /**
   * @template T
   * @param {string} store
   * @param {(rows: IDBObjectStore) => Promise<T>} work
   */
  const read = (store, work) =>
    guarded(() =>
      connection.run(
        (db) => db.transaction(store, "readonly"),
        (tx) => work(tx.objectStore(store)),
      ),
    );
  /** @type {Database} */
  const database = {
    get: (store, key) => read(store, (rows) => result(rows.get(key))),
    getAll: (store) => read(store, (rows) => result(rows.getAll())),
    query: (query) => read(query.store, (rows) => runQuery(rows, query)),
    count: ({ store, index, range }) =>
      read(store, (rows) => result(rows.index(index).count(range))),
    commit: (changes) => commit(connection, term, changes),
    close: () => connection.close(),
  };
  return Object.freeze(database);
}

/**
 * @param {IDBFactory} factory
 * @returns {Promise<boolean>} true as well where a browser does not tell
 */
export async function hasDatabase(factory) {
  if (factory.databases === undefined) return true;
  // WebKit lists, as version 0, what is left of a database whose making was given up.
  const made = (await factory.databases()).filter(({ version }) => version !== 0);
  return made.some(({ name }) => name === DATABASE_NAME);
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
 * @param {IDBObjectStore} rows
 * @param {Omit<IndexQuery, "store">} query
 * @returns {Promise<unknown[]>}
 */
function runQuery(rows, { index, range, direction = "next", limit = Infinity }) {
  return new Promise((resolve, reject) => {
    /** @type {unknown[]} */
    const found = [];
    const request = rows.index(index).openCursor(range, direction);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor !== null) found.push(cursor.value);
      if (cursor === null || found.length >= limit) resolve(found);
      else cursor.continue();
    };
  });
}

/**
 * Nobody writes on a full disk, so nobody needs to be kept from it: who opens it then may read.
 * @param {Connection} connection
 * @returns {Promise<number>}
 */
function beginTerm(connection) {
  return connection.run(
    (db) => db.transaction(TERM.store, "readwrite"),
    async (tx) => {
      const terms = tx.objectStore(TERM.store);
      const last = termOf(await result(terms.get(TERM.key)));
      terms.put({ id: TERM.key, number: last + 1 });
      try {
        await completed(tx);
      } catch (error) {
        if (error instanceof DOMException && error.name === "QuotaExceededError") return last;
        throw error;
      }
      return last + 1;
    },
  );
}

/**
 * @param {IDBTransaction} tx
 * @returns {Promise<void>}
 */
function completed(tx) {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error);
  });
}

/** @param {unknown} row */
function termOf(row) {
  return /** @type {{ number: number } | undefined} */ (row)?.number ?? 0;
}

/**
 * @param {Connection} connection
 * @param {number} term
 * @param {readonly Change[]} changes
 * @returns {Promise<void>}
 */
function commit(connection, term, changes) {
  if (changes.length === 0) return Promise.resolve();
  const stores = [...new Set([TERM.store, ...changes.map((change) => change.store)])];
  return guarded(() =>
    connection.run(
      (db) => db.transaction(stores, "readwrite", { durability: "strict" }),
      (tx) => write(tx, term, changes),
    ),
  );
}

/**
 * @param {IDBTransaction} tx
 * @param {number} term
 * @param {readonly Change[]} changes
 * @returns {Promise<void>}
 */
function write(tx, term, changes) {
  return new Promise((resolve, reject) => {
    /** @type {AppError | null} */
    let refusal = null;
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(refusal ?? tx.error);
    const refuse = (/** @type {string} */ code) => {
      refusal = new AppError(code);
      tx.abort();
    };
    const last = tx.objectStore(TERM.store).get(TERM.key);
    last.onsuccess = () => {
      if (termOf(last.result) !== term) refuse("unavailable");
    };
    try {
      for (const change of changes) apply(tx, change, () => refuse("storage_conflict"));
    } catch (error) {
      reject(error);
      // Left alone, it would commit the changes before this one.
      tx.abort();
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
 * Whatever the browser throws becomes the cause of an AppError("storage_failed").
 * @template T
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
async function guarded(run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("storage_failed", "transaction", { cause: error });
  }
}
