/**
 * The last messages the server accepted from this device: how a rollback is noticed (SEAL1 §4.6).
 *
 * When the server names one as the newest that this device knows nothing about, the local database is
 * an old copy.
 */

import { putSetting, readSetting } from "../storage/settings.js";

/** @import { Change } from "../storage/db.js" */
/** @import { Core } from "./model.js" */

const SETTING = "accepted";
const KEPT = 256;

/**
 * @typedef {object} Accepted
 * @property {() => Promise<void>} load
 * @property {(msgId: string) => boolean} has
 * @property {(msgId: string) => Promise<Change>} change for the transaction that settles the message
 * @property {(msgId: string) => void} add it has been stored
 */

/**
 * @param {Core} core
 * @returns {Accepted}
 */
export function createAccepted({ db, vault }) {
  /** @type {string[]} */
  let ids = [];
  /** @param {string} msgId */
  const withId = (msgId) => [...ids, msgId].slice(-KEPT);
  return Object.freeze({
    async load() {
      const row = await readSetting(db, SETTING);
      if (row !== undefined) ids = (await vault.open("setting", SETTING, row.sealed)).ids;
    },
    has: (msgId) => ids.includes(msgId),
    async change(msgId) {
      const sealed = await vault.seal("setting", SETTING, { ids: withId(msgId) });
      return putSetting({ id: SETTING, sealed });
    },
    add(msgId) {
      ids = withId(msgId);
    },
  });
}
