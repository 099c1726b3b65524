/**
 * Comparing notes: every message says which device lists its sender sees (SEAL1 §4.9, §6 row 13).
 *
 * The server can show two people different lists; it cannot change what they tell each other inside the
 * encryption. A list that the sender has and the server does not show here, or one of ours that the
 * sender sees and never was, is told to the person, once.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { digestDeviceLists } from "../crypto/content.js";

/** @import { Core } from "./model.js" */
/** @import { Trust } from "./trust.js" */

/**
 * @typedef {object} Gossip
 * @property {(said: { sender: string, own: [number, string], peers: string }) => Promise<void>} hear
 */

/**
 * @param {Core} core
 * @param {{ trust: Trust, onHidden: (user: string) => Promise<void> }} parts
 * @returns {Gossip}
 */
export function createGossip(core, { trust, onHidden }) {
  /** @type {Set<string>} */
  const told = new Set();

  /**
   * @param {string} user
   * @param {string} what
   */
  const warn = async (user, what) => {
    if (told.has(`${user} ${what}`)) return;
    told.add(`${user} ${what}`);
    await onHidden(user);
  };

  /**
   * Whether a list of a person is one that the server showed here, now or once.
   * @param {string} user
   * @param {number} version
   * @param {string} hash
   */
  const isShown = (user, version, hash) => {
    const record = trust.get(user)?.record;
    const seen = record?.seen ?? [];
    const oldest = seen[0]?.[0] ?? 0;
    // Lists from before the first contact cannot be compared.
    return version < oldest || seen.some(([v, h]) => v === version && h === hash);
  };

  /** @param {string} digest */
  const isOurs = async (digest) => {
    const { user, userId } = core.own;
    for (const [version, hash] of trust.get(user)?.record.seen ?? []) {
      const list = { userId, version, hash: fromBase64url(hash, 32) };
      if (toBase64url(await digestDeviceLists([list])) === digest) return true;
    }
    return false;
  };

  return Object.freeze({
    async hear({ sender, own: [version, hash], peers }) {
      const isChanged = (trust.get(sender)?.candidate ?? null) !== null;
      if (isChanged) return;
      if (!isShown(sender, version, hash)) await trust.refresh(sender);
      if (!isShown(sender, version, hash)) await warn(sender, `${version}`);
      if (sender === core.own.user) return;
      if (await isOurs(peers)) return;
      await trust.refresh(core.own.user);
      if (!(await isOurs(peers))) await warn(sender, peers);
    },
  });
}
