/**
 * The connection to the browser's database.
 *
 * WebKit takes it from a page in the background whose JavaScript lives on. The next call opens it anew; a
 * transaction that was under way is not repeated, since nobody knows how it ended.
 */

import { AppError } from "../lib/errors.js";
import { MIGRATIONS } from "./migrations.js";

/** @typedef {(db: IDBDatabase) => IDBTransaction} Begin */
/** @typedef {(tx: IDBTransaction, oldVersion: number) => void} Upgrade */
/** @typedef {(upgrade: Upgrade) => Promise<IDBDatabase>} Open */

/**
 * Open a database, bringing it to the newest layout.
 *
 * Throws: AppError("storage_failed").
 * @param {IDBFactory} factory
 * @param {string} name
 * @returns {Promise<Connection>}
 */
export async function openConnection(factory, name) {
  const first = await open(factory, name, migrate);
  return new Connection(first, (upgrade) => open(factory, name, upgrade));
}

/** The connection of the moment, opened anew when the browser has closed the one before. */
export class Connection {
  /** @type {IDBDatabase | null} */
  #current = null;
  /** @type {Promise<void> | null} */
  #opening = null;
  #isClosed = false;
  #openAnew;

  /**
   * @param {IDBDatabase} first
   * @param {Open} openAnew
   */
  constructor(first, openAnew) {
    this.#openAnew = openAnew;
    this.#adopt(first);
  }

  /**
   * Open anew if need be, begin a transaction, and work in it. What `work` began is never repeated.
   *
   * Throws: AppError("storage_failed"); whatever the browser or `work` throws.
   * @template T
   * @param {Begin} begin
   * @param {(tx: IDBTransaction) => Promise<T>} work
   * @returns {Promise<T>}
   */
  async run(begin, work) {
    let tx = this.#begin(begin);
    if (tx === null) {
      await this.#reopen();
      tx = this.#begin(begin);
    }
    if (tx === null) throw new AppError("storage_failed", "closed");
    return work(tx);
  }

  /** For good. */
  close() {
    this.#isClosed = true;
    this.#current?.close();
    this.#current = null;
  }

  /** @param {IDBDatabase} db */
  #adopt(db) {
    if (this.#isClosed) return db.close();
    // Another tab has a newer layout: get out of its way, it takes over when we let go.
    db.onversionchange = () => this.close();
    db.onclose = () => this.#lose(db);
    this.#current = db;
  }

  /** @param {IDBDatabase} db which may have been replaced already */
  #lose(db) {
    db.close();
    if (this.#current === db) this.#current = null;
  }

  /** Calls that wait for it at the same time wait for the same one. */
  #reopen() {
    if (this.#isClosed) throw new AppError("storage_failed", "closed");
    this.#opening ??= this.#openAnew((tx) => this.#refuse(tx))
      .then((db) => this.#adopt(db))
      .finally(() => {
        this.#opening = null;
      });
    return this.#opening;
  }

  /**
   * The layout was the newest one when we lost it; so this is not the database that we had: it was
   * deleted, and must not come back.
   * @param {IDBTransaction} tx
   */
  #refuse(tx) {
    this.close();
    tx.abort();
  }

  /**
   * @param {Begin} begin
   * @returns {IDBTransaction | null} null when there is no connection; then nothing has begun
   */
  #begin(begin) {
    const db = this.#current;
    if (db === null) return null;
    try {
      const tx = begin(db);
      // How WebKit ends transactions with the connection, whether or not it says `close` as well.
      tx.addEventListener("abort", () => isNamed(tx.error, "UnknownError") && this.#lose(db));
      return tx;
    } catch (error) {
      if (!isNamed(error, "InvalidStateError")) throw error;
      this.#lose(db);
      return null;
    }
  }
}

/**
 * @param {unknown} error
 * @param {string} name
 */
function isNamed(error, name) {
  return error instanceof DOMException && error.name === name;
}

/**
 * @param {IDBFactory} factory
 * @param {string} name
 * @param {Upgrade} upgrade
 * @returns {Promise<IDBDatabase>}
 */
function open(factory, name, upgrade) {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, MIGRATIONS.length);
    request.onupgradeneeded = ({ oldVersion }) =>
      upgrade(/** @type {IDBTransaction} */ (request.transaction), oldVersion);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new AppError("storage_failed", "open"));
  });
}

/** @type {Upgrade} */
function migrate(tx, oldVersion) {
  for (const step of MIGRATIONS.slice(oldVersion)) step(tx.db, tx);
}
