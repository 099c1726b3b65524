/**
 * The logs of the rooms, followed: whatever comes is put in order, gaps are asked for.
 *
 *     message.new seq = cursor+1 ─▶ page ─▶ stored, told            beyond it ─▶ kept, and `sync` asks
 *     reconnect, last_seq beyond the cursor ─▶ sync, page by page, until there is no more
 *
 * Frames are hints and the log is the truth, so a lost, doubled or disordered frame changes nothing.
 * One page of one room is taken in at a time; people's lists are fetched before, not inside, so that a
 * slow network never holds the mutex.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { parseMessage, readSeq } from "../protocol/frames.js";
import { HISTORY_PAGE } from "../protocol/limits.js";
import { takePage } from "./page.js";

/** @import { Message, ServerFrames } from "../protocol/frames.js" */
/** @import { Core } from "./model.js" */
/** @import { Aftermath, Parts } from "./page.js" */

const PAGE = HISTORY_PAGE;
const COSTLY_ENTRIES = 3; // in a minute: somebody is making this device work for nothing
const COSTLY_PAUSE_MS = 60_000;
const AGAIN_MS = 5_000;
const BUFFERED = 500; // entries kept ahead of a gap; the rest comes with the sync

/** @typedef {ServerFrames["synced"]} Synced */
/** @typedef {ReturnType<typeof createInbox>} Inbox */

/**
 * @param {Core} core
 * @param {Parts & {
 *   sync: (room: string, after: number, limit: number) => Promise<Synced>,
 *   onPage: (room: string, aftermath: Aftermath) => Promise<void>,
 * }} parts
 */
export function createInbox(core, parts) {
  const { rooms, trust, sessions } = parts;
  /** @type {Map<string, Map<number, unknown>>} room → number → entry */
  const waiting = new Map();
  /** @type {Map<string, Promise<void>>} */
  const working = new Map();
  /** @type {Map<string, number>} how far the log is known to go */
  const heads = new Map();

  /**
   * @param {string} room
   * @param {readonly unknown[]} entries
   */
  const keep = (room, entries) => {
    const kept = waiting.get(room) ?? new Map();
    waiting.set(room, kept);
    for (const entry of entries) {
      const seq = numberOf(entry);
      if (seq !== null && kept.size < BUFFERED) kept.set(seq, entry);
      if (seq !== null) heads.set(room, Math.max(heads.get(room) ?? 0, seq));
    }
  };

  /**
   * The entries that can be taken in now.
   * @param {string} room
   */
  const nextPage = (room) => {
    const kept = waiting.get(room);
    const cursor = rooms.get(room)?.cursor;
    if (kept === undefined || cursor === undefined) return [];
    for (const seq of [...kept.keys()].filter((old) => old <= cursor)) kept.delete(seq);
    const page = [];
    const own = rooms.get(room)?.ownSeqs ?? [];
    for (let seq = cursor + 1; page.length < PAGE; seq += 1) {
      const entry = kept.get(seq);
      if (entry !== undefined) page.push(entry);
      else if (!own.includes(seq)) break;
    }
    return page;
  };

  /** @param {string} room @returns {Promise<boolean>} whether the log had more */
  const askForMore = async (room) => {
    const before = rooms.get(room);
    if (before === undefined || before.cursor >= (heads.get(room) ?? 0)) return false;
    const { messages, last_seq: lastSeq } = await parts.sync(room, before.cursor, PAGE);
    keep(room, messages);
    const first = Math.min(...messages.map(numberOf).filter((seq) => seq !== null));
    if (messages.length === 0) {
      // The log ends before the number that was announced: there is nothing to wait for.
      heads.set(room, before.cursor);
      return false;
    }
    heads.set(room, Math.max(heads.get(room) ?? 0, lastSeq));
    if (first > before.cursor + 1) {
      core.log.warn("room.gap", { missing: first - before.cursor - 1 });
      await rooms.patch(room, { cursor: first - 1 });
    }
    return true;
  };

  /**
   * Learn who the senders of a page are, before anything is locked.
   * @param {readonly unknown[]} page
   */
  const meetSenders = async (page) => {
    for (const entry of page) {
      const message = readable(entry);
      const pre = message?.capsule?.pre;
      if (message === null || message.sender_device === core.own.device) continue;
      const known = trust.device(message.sender, message.sender_device);
      const isKnown =
        known !== undefined && (pre === undefined || toBase64url(known.certHash) === pre.cert_hash);
      if (!isKnown) await meet(message.sender);
    }
  };

  /** @type {Set<string>} people who were looked at in this run */
  const looked = new Set();
  /** @param {string} user */
  const meet = async (user) => {
    if (looked.has(user)) return;
    looked.add(user);
    try {
      await trust.refresh(user);
    } catch (error) {
      // A list that is refused stays refused; only a missing network is worth waiting for.
      if (error instanceof AppError && error.code === "offline") throw error;
      core.log.warn("trust.refused", { error });
    }
  };

  /** @type {number[]} when entries cost much and opened nothing */
  let charges = [];
  /**
   * Forged headers cost us a thousand key derivations each; whoever sends many gets a pause (SEAL1 §4.5).
   * @param {number} costly
   */
  const charge = async (costly) => {
    const nowMs = core.clock.nowMs();
    const recent = charges.filter((at) => nowMs - at < COSTLY_PAUSE_MS);
    charges = [...recent, ...Array.from({ length: costly }, () => nowMs)];
    if (costly === 0 || charges.length < COSTLY_ENTRIES) return;
    core.log.warn("inbox.paused");
    await core.clock.sleep(COSTLY_PAUSE_MS);
  };

  /** @param {string} room */
  const work = async (room) => {
    looked.clear();
    for (;;) {
      const page = nextPage(room);
      if (page.length === 0) {
        if (!(await askForMore(room))) return;
        continue;
      }
      await meetSenders(page);
      const aftermath = await core.mutex.run(() => takeOnce(room, page));
      await parts.onPage(room, aftermath);
      await charge(aftermath.costly);
    }
  };

  /**
   * @param {string} room
   * @param {readonly unknown[]} page
   */
  const takeOnce = async (room, page) => {
    try {
      return await takePage(core, parts, room, page);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "storage_conflict") throw error;
      // Somebody else wrote since these sessions were read: read them again, once.
      sessions.forget();
      return takePage(core, parts, room, page);
    }
  };

  /** @param {string} room */
  const drain = (room) => {
    const running = working.get(room);
    if (running !== undefined) return running;
    const started = work(room)
      .catch((error) => {
        const code = error instanceof AppError ? error.code : "internal";
        core.log[code === "internal" ? "error" : "warn"]("inbox.stopped", { code, error });
        // Without a connection the next one brings it on; with one, the server was only busy.
        if (code !== "offline") void core.clock.sleep(AGAIN_MS).then(() => drain(room));
      })
      .finally(() => {
        working.delete(room);
      });
    working.set(room, started);
    return started;
  };

  /**
   * Twice: what came while a run was about to end is not left behind.
   * @param {string} room
   */
  const drainAll = async (room) => {
    await drain(room);
    await drain(room);
  };

  return Object.freeze({
    /**
     * @param {string} room
     * @param {unknown} entry
     */
    receive(room, entry) {
      const seq = numberOf(entry);
      const cursor = rooms.get(room)?.cursor;
      if (seq === null || cursor === undefined || seq <= cursor) return;
      keep(room, [entry]);
      void drainAll(room);
    },
    /**
     * The server says how far a room's log goes.
     * @param {string} room
     * @param {number} lastSeq
     * @returns {Promise<void>} when everything up to there has been taken in, or the network is gone
     */
    catchUp(room, lastSeq) {
      heads.set(room, Math.max(heads.get(room) ?? 0, lastSeq));
      return drainAll(room);
    },
    /** @param {string} room */
    forget(room) {
      waiting.delete(room);
      heads.delete(room);
    },
    /** Wait until nothing is being taken in. */
    async settled() {
      while (working.size > 0) await Promise.all(working.values());
    },
  });
}

/**
 * @param {unknown} entry
 * @returns {number | null}
 */
function numberOf(entry) {
  try {
    return readSeq(entry);
  } catch {
    return null;
  }
}

/**
 * @param {unknown} entry
 * @returns {Message | null}
 */
function readable(entry) {
  try {
    const message = parseMessage(entry);
    fromBase64url(message.sender, 16);
    return message;
  } catch {
    return null;
  }
}
