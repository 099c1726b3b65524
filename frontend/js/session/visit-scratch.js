/**
 * A scratch folder for each visit to a link, since several tabs may visit links side by side and beside
 * the engine.
 *
 * A visit holds a lock by the name of its folder for as long as it lives, however it ends; so the next one
 * knows which folders were left behind.
 */

import { toHex } from "../lib/bytes.js";
import { ID_BYTES } from "../crypto/constants.js";
import { randomBytes } from "../crypto/primitives.js";
import { createScratch } from "../storage/scratch.js";

/** @import { Scratch } from "../storage/scratch.js" */

const PREFIX = "link-";

/** @typedef {FileSystemDirectoryHandle & { keys: () => AsyncIterable<string> }} Root */

/**
 * @param {() => Promise<FileSystemDirectoryHandle>} openRoot rejects where there are no such files
 * @param {Pick<LockManager, "request" | "query">} locks
 * @returns {Promise<Scratch>}
 */
export async function openVisitScratch(openRoot, locks) {
  const own = `${PREFIX}${toHex(randomBytes(ID_BYTES))}`;
  await hold(locks, own);
  await sweepOthers(openRoot, locks).catch(() => {
    // What cannot be swept now is left for the next visit.
  });
  return createScratch(openRoot, own);
}

/**
 * Hold a lock until this worker ends.
 * @param {Pick<LockManager, "request">} locks
 * @param {string} name
 * @returns {Promise<void>} when it is held
 */
function hold(locks, name) {
  return new Promise((resolve, reject) => {
    const forEver = () => {
      resolve();
      return new Promise(() => {});
    };
    locks.request(name, forEver).catch(reject);
  });
}

/**
 * @param {() => Promise<FileSystemDirectoryHandle>} openRoot
 * @param {Pick<LockManager, "query">} locks
 */
async function sweepOthers(openRoot, locks) {
  const root = /** @type {Root} */ (await openRoot());
  /** @type {string[]} */
  const found = [];
  for await (const name of root.keys()) if (name.startsWith(PREFIX)) found.push(name);
  const { held = [] } = await locks.query();
  const alive = held.map((lock) => lock.name);
  for (const name of found) {
    if (!alive.includes(name)) await root.removeEntry(name, { recursive: true });
  }
}
