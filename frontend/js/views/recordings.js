/**
 * What was recorded in this page, voices and photos: there is no other copy of it. Whoever leaves a room finds it again
 * when they come back; the tab keeps it in memory until then.
 */

/** @import { OutgoingFile } from "../session/types.js" */

/** @typedef {{ voice: OutgoingFile | null, photos: readonly File[] }} Recordings */

/** @type {Recordings} */
const NONE = Object.freeze({ voice: null, photos: [] });
/** @type {WeakSet<File>} */
const made = new WeakSet();
/** @type {Map<string, Recordings>} by room */
const kept = new Map();

/**
 * @param {File} file
 * @returns {File} the same, of which is known from now on that there is no other copy
 */
export function madeHere(file) {
  made.add(file);
  return file;
}

/** @param {File} file */
export function isMadeHere(file) {
  return made.has(file);
}

/**
 * @param {string} room
 * @param {Partial<Recordings>} recordings that were not sent
 */
export function keepRecordings(room, recordings) {
  kept.set(room, { ...(kept.get(room) ?? NONE), ...recordings });
}

/**
 * @param {string} room
 * @returns {Recordings} what was kept of it; the next one who asks gets none
 */
export function takeRecordings(room) {
  const found = kept.get(room) ?? NONE;
  kept.delete(room);
  return found;
}

/** Whoever logs out leaves nothing behind. */
export function forgetRecordings() {
  kept.clear();
}
