/**
 * Sending what waits, room by room: one message of a room is under way at a time.
 *
 * Sealing stores the ratchet states, the bytes to send and the row in one transaction before anything
 * leaves; whatever is sent again is the same bytes under the same message id, so nothing is ever sent twice.
 */

import { AppError } from "../lib/errors.js";
import { delayMs } from "../lib/retry.js";
import { RefusedError, isRefused } from "../protocol/errors.js";
import { completeCapsules, findRecipients, sealContent, sendBody } from "./envelope.js";

/** @import { SendBody } from "../protocol/frames.js" */
/** @import { Core, OutboxRecord, SealedMessage } from "./model.js" */
/** @import { Acceptance, OutboxRecords } from "./outbox-records.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Sessions } from "./sessions.js" */
/** @import { Trust } from "./trust.js" */

const BACKOFF = Object.freeze({ firstMs: 1_000, maxMs: 60_000 });
const STALE_ATTEMPTS = 5; // a set of devices that changes faster than this is not one to send to
const LATER = [
  "offline",
  "rate_limited",
  "unavailable",
  "internal",
  "storage_full",
  "token_expired",
  "bad_answer",
  "storage_conflict",
];

/**
 * @typedef {object} Parts
 * @property {OutboxRecords} records
 * @property {Trust} trust
 * @property {Sessions} sessions
 * @property {Rooms} rooms
 * @property {(room: string, body: SendBody) => Promise<Acceptance>} transport
 */

/**
 * @param {Core} core
 * @param {Parts} parts
 */
export function createSending(core, parts) {
  const { records, rooms, sessions } = parts;
  /** @type {Set<string>} rooms that are being worked on */
  const busy = new Set();
  let open = false;
  let nudge = new AbortController();

  /**
   * Bring an entry to a state in which it can be sent: sealed, a capsule for everyone.
   * @param {string} key
   */
  const seal = async (key) => {
    const asked = records.get(key);
    if (asked === undefined) return;
    const recipients = await findRecipients(core, parts, rooms.require(asked.room), asked);
    await records.step(key, async (entry, room) => {
      const work = sessions.begin();
      const content = entry.sealed ?? (await sealContent(core, room, entry, recipients));
      const sealed = await completeCapsules(work, entry, content, recipients);
      const isFirst = entry.sealed === null && entry.text !== null;
      return {
        entry: { ...entry, sealed },
        row: { retry: retryOf(sealed) },
        isUnseen: true,
        room: isFirst ? { ...room, sseq: sealed.sseq, prev: sealed.payloadHash } : room,
        changes: await work.changes(),
        done: work.done,
      };
    });
  };

  /** @param {string} key */
  const deliver = async (key) => {
    for (let attempt = 0; ; attempt += 1) {
      if (attempt > 0 || !isWhole(records.get(key))) await seal(key);
      const entry = records.get(key);
      if (entry === undefined || entry.sealed === null) return;
      const room = rooms.require(entry.room);
      try {
        const body = sendBody(room, entry, entry.sealed);
        await records.settle(key, await parts.transport(entry.room, body));
        return;
      } catch (error) {
        const isStale = isRefused(error, "stale_devices");
        if (!isStale || attempt + 1 >= STALE_ATTEMPTS) throw error;
        for (const user of [core.own.user, room.peer, ...error.users]) parts.trust.markStale(user);
      }
    }
  };

  /**
   * @param {string} key
   * @param {unknown} error
   */
  const fail = async (key, error) => {
    const code = error instanceof AppError ? error.code : "internal";
    core.log.warn("send.failed", { code });
    if (!(error instanceof AppError)) core.log.error("send.broken", { error });
    await records.fail(key, code);
  };

  /**
   * @param {unknown} error
   * @param {number} attempt
   * @returns {Promise<boolean>} whether it may go better now; false at once when it never will
   */
  const waitAfter = async (error, attempt) => {
    const code = error instanceof AppError ? error.code : "";
    // Somebody else wrote since the sessions were read; what was sealed on them was never stored.
    if (code === "storage_conflict") sessions.forget();
    if (!LATER.includes(code)) return false;
    const asked = error instanceof RefusedError ? error.retryAfterMs : 0;
    const delay = Math.max(asked, delayMs(BACKOFF, attempt, core.random));
    await core.clock.sleep(delay, nudge.signal).catch(() => {});
    return true;
  };

  /**
   * Work off what waits in one room.
   * @param {string} room
   */
  const pump = async (room) => {
    if (!open || busy.has(room)) return;
    busy.add(room);
    try {
      for (let attempt = 0; open;) {
        const head = records
          .all()
          .find((e) => e.room === room && e.failure === null && e.hold === null);
        if (head === undefined) return;
        try {
          await deliver(head.key);
          attempt = 0;
        } catch (error) {
          if (await waitAfter(error, attempt)) attempt += 1;
          else await fail(head.key, error);
        }
      }
    } finally {
      busy.delete(room);
    }
  };

  /** @param {string} room */
  const work = (room) =>
    void pump(room).catch((error) => {
      // Not even the failure could be stored; what waits is tried again after the next start.
      core.log.error("outbox.broken", { error });
    });

  return Object.freeze({
    work,
    fail,
    /** There is a connection: send. */
    start() {
      open = true;
      nudge.abort();
      nudge = new AbortController();
      for (const room of new Set(records.all().map((entry) => entry.room))) work(room);
    },
    /** There is none. What is under way fails by itself. */
    stop() {
      open = false;
      nudge.abort();
    },
  });
}

/**
 * @param {OutboxRecord | undefined} entry
 * @returns {boolean} whether it has been sealed, for somebody
 */
function isWhole(entry) {
  return (entry?.sealed?.capsules.length ?? 0) > 0;
}

/**
 * What answering a retry takes: the keys, and who was meant at the time.
 * @param {SealedMessage} sealed
 */
function retryOf({ contentKey, payloadHash, capsules, identities }) {
  const recipients = Object.fromEntries(
    capsules.map(({ user, device }) => [`${user}/${device}`, identities[user] ?? ""]),
  );
  return { contentKey, payloadHash, recipients, reissued: [] };
}
