/** What this device keeps of its transfers: one sealed record each, in memory as in the database. */

import { putTransfer, readTransfers, removeTransfer } from "../storage/transfers.js";
import { createMutex } from "./mutex.js";

/** @import { TransferStore } from "../storage/transfers.js" */
/** @import { Core } from "./model.js" */

/**
 * @template {{ id: string }} R
 * @typedef {object} TransferRecords
 * @property {() => Promise<void>} load
 * @property {(id: string) => R | undefined} get
 * @property {() => R[]} all
 * @property {(record: R) => Promise<void>} put add it, or put it in the place of what is there
 * @property {(id: string, fields: Partial<R>) => Promise<boolean>} patch false when it is not there (any more)
 * @property {(id: string) => Promise<void>} remove
 */

/**
 * Atomicity: changes of one record are made one after another, none is lost.
 * @template {{ id: string }} R
 * @param {Pick<Core, "db" | "vault">} core
 * @param {TransferStore} store
 * @returns {TransferRecords<R>}
 */
export function createTransferRecords({ db, vault }, store) {
  /** @type {Map<string, R>} */
  const records = new Map();
  const mutex = createMutex();

  /** @param {R} record */
  const save = async (record) => {
    const { id } = record;
    await db.commit([putTransfer(store, { id, sealed: await vault.seal(store, id, record) })]);
    records.set(id, record);
  };

  return Object.freeze({
    async load() {
      for (const { id, sealed } of await readTransfers(db, store)) {
        records.set(id, await vault.open(store, id, sealed));
      }
    },
    get: (id) => records.get(id),
    all: () => [...records.values()],
    put: (record) => mutex.run(() => save(record)),
    patch: (id, fields) =>
      mutex.run(async () => {
        const before = records.get(id);
        if (before === undefined) return false;
        const after = { ...before, ...fields };
        // What the server shows is mostly what it showed before.
        if (JSON.stringify(after) !== JSON.stringify(before)) await save(after);
        return true;
      }),
    remove: (id) =>
      mutex.run(async () => {
        if (!records.has(id)) return;
        await db.commit([removeTransfer(store, id)]);
        records.delete(id);
      }),
  });
}
