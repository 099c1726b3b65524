/**
 * What was written here and is on its way, in the order it was written.
 *
 *     composed ─seal─▶ sealed ─send─▶ accepted: gone from here, its row has a number
 *        ▲               │ stale_devices: lists are fetched and verified, missing capsules added
 *        └──── retry ── failed(code): waits for a person
 *
 * Composing is one transaction and needs no network. Sealing stores the ratchet states, the bytes to send
 * and the row in one transaction before anything leaves; whatever is sent again is the same bytes under
 * the same message id, so nothing is ever sent twice. One message of a room is under way at a time; one
 * whose files are not at the server yet is on hold and stops nobody.
 */

import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { delayMs } from "../lib/retry.js";
import { randomBytes } from "../crypto/primitives.js";
import { readRow, removeRow } from "../storage/messages.js";
import { putOutbox, readOutbox, removeOutbox } from "../storage/outbox.js";
import { RefusedError } from "../protocol/errors.js";
import { withOwnSeq } from "./cursor.js";
import { completeCapsules, findRecipients, sealContent, sendBody } from "./envelope.js";
import { openRow, rowKey, storeRow, toMessageRow, waitingOrder } from "./rows.js";

/** @import { SendBody } from "../protocol/frames.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { Accepted } from "./accepted.js" */
/** @import { Control, Core, FileRecord, OutboxRecord, RoomRecord, RowRecord, SealedMessage } from "./model.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Sessions } from "./sessions.js" */
/** @import { Trust } from "./trust.js" */
/** @import { MessageRow } from "./types.js" */

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

const BLANK = Object.freeze({
  control: null,
  files: null,
  hold: null,
  sealed: null,
  failure: null,
});

/** @typedef {{ seq: number, server_ms: number }} Acceptance */

/**
 * @typedef {object} Parts
 * @property {Trust} trust
 * @property {Sessions} sessions
 * @property {Rooms} rooms
 * @property {Accepted} accepted
 * @property {(room: string, body: SendBody) => Promise<Acceptance>} transport
 * @property {(room: string, rows: MessageRow[], removed?: string[]) => void} onRows
 * @property {(room: string) => void} onAccepted the room's log has grown by a message of ours
 */

/** @typedef {ReturnType<typeof createOutbox>} Outbox */

/**
 * @param {Core} core
 * @param {Parts} parts
 */
export function createOutbox(core, parts) {
  const { db, vault } = core;
  const { rooms, sessions } = parts;
  /** @type {Map<string, OutboxRecord>} by key, in the order of composing */
  const entries = new Map();
  /** @type {Set<string>} rooms that are being worked on */
  const busy = new Set();
  let lastPosition = 0;
  let open = false;
  let nudge = new AbortController();

  /**
   * @param {OutboxRecord} entry
   * @returns {Promise<Change>}
   */
  const entryChange = async (entry) => {
    const { key, room, position } = entry;
    return putOutbox({ key, room, position, sealed: await vault.seal("outbox", key, entry) });
  };

  /**
   * @param {RoomRecord} room
   * @param {OutboxRecord} entry
   * @param {Partial<RowRecord>} fields
   */
  const rowStep = async (room, entry, fields) => {
    const { key, position, text } = entry;
    if (text === null) return null;
    const stored = await readRow(db, key);
    const before = stored === undefined ? null : await openRow(core, stored);
    const record = { ...newRow(core, entry, text), ...before, ...fields };
    const order = record.seq ?? waitingOrder(position);
    const row = await storeRow(core, { key, room: room.id, order, record });
    return { change: row.change, row: toMessageRow(core, room, row.stored, record) };
  };

  /**
   * @param {string} room
   * @param {Pick<OutboxRecord, "msgId" | "text"> & Partial<OutboxRecord>} what
   */
  const compose = (room, what) =>
    core.mutex.run(async () => {
      const { msgId, text } = what;
      const key = rowKey(room, core.own.device, msgId);
      const record = rooms.require(room);
      // The same call may come twice when the leading tab has changed in between.
      if (entries.has(key) || parts.accepted.has(msgId)) return key;
      lastPosition += 1;
      const position = lastPosition;
      /** @type {OutboxRecord} */
      const entry = { ...BLANK, ...what, key, room, position };
      const step = await rowStep(record, entry, { state: "pending" });
      const next =
        text === null ? record : { ...record, draft: "", lastActivityMs: core.serverNowMs() };
      const rows = step === null ? [] : [step.change];
      await db.commit([await entryChange(entry), ...rows, await rooms.change(next)]);
      entries.set(key, entry);
      rooms.set(next);
      if (step !== null) parts.onRows(room, [step.row]);
      work(room);
      return key;
    });

  /**
   * @param {string} key
   * @param {Partial<OutboxRecord>} fields
   * @param {Partial<RowRecord>} rowFields
   */
  const amend = (key, fields, rowFields) =>
    core.mutex.run(async () => {
      const entry = entries.get(key);
      const room = entry && rooms.get(entry.room);
      if (entry === undefined || room === undefined) return;
      const next = { ...entry, ...fields };
      const step = await rowStep(room, next, rowFields);
      await db.commit([await entryChange(next), ...(step === null ? [] : [step.change])]);
      entries.set(key, next);
      if (step !== null) parts.onRows(entry.room, [step.row]);
    });

  /**
   * Bring an entry to a state in which it can be sent: sealed, a capsule for everyone.
   * @param {string} key
   * @returns {Promise<SendBody | null>} null when it is gone
   */
  const seal = async (key) => {
    const asked = entries.get(key);
    if (asked === undefined) return null;
    const recipients = await findRecipients(core, parts, rooms.require(asked.room), asked);
    return core.mutex.run(async () => {
      const entry = entries.get(key);
      const room = entry && rooms.get(entry.room);
      if (entry === undefined || room === undefined) return null;
      const work = sessions.begin();
      const content = entry.sealed ?? (await sealContent(core, room, entry, recipients));
      const sealed = await completeCapsules(work, entry, content, recipients);
      const next = { ...entry, sealed };
      const isFirst = entry.sealed === null && entry.text !== null;
      const after = isFirst ? { ...room, sseq: sealed.sseq, prev: sealed.payloadHash } : room;
      const step = await rowStep(after, next, { retry: retryOf(sealed) });
      await db.commit([
        ...(await work.changes()),
        await entryChange(next),
        await rooms.change(after),
        ...(step === null ? [] : [step.change]),
      ]);
      work.done();
      entries.set(key, next);
      rooms.set(after);
      return sendBody(after, next, sealed);
    });
  };

  /**
   * @param {string} key
   * @param {Acceptance} acceptance
   */
  const settle = (key, { seq, server_ms: sentMs }) =>
    core.mutex.run(async () => {
      const entry = entries.get(key);
      const room = entry && rooms.get(entry.room);
      if (entry === undefined || room === undefined) return;
      const next = withOwnSeq(room, seq);
      const fields = { state: /** @type {const} */ ("sent"), seq, sentMs, failure: null };
      const step = await rowStep(next, entry, fields);
      await db.commit([
        removeOutbox(key),
        await rooms.change(next),
        await parts.accepted.change(entry.msgId),
        ...(step === null ? [] : [step.change]),
      ]);
      entries.delete(key);
      parts.accepted.add(entry.msgId);
      rooms.set(next);
      if (step !== null) parts.onRows(entry.room, [step.row]);
      parts.onAccepted(entry.room);
    });

  /**
   * @param {string} key
   * @returns {Promise<boolean>} whether it was still here
   */
  const forget = (key) =>
    core.mutex.run(async () => {
      const entry = entries.get(key);
      const room = entry && rooms.get(entry.room);
      if (entry === undefined || room === undefined) return false;
      // The number it had goes to the next message, or its absence would look like a loss.
      const { sseq = 0, prev = null } = entry.sealed ?? {};
      const isLast = sseq !== 0 && sseq === room.sseq;
      const next = isLast ? { ...room, sseq: sseq - 1, prev } : room;
      const row = entry.text === null ? [] : [removeRow(key)];
      await db.commit([removeOutbox(key), ...row, await rooms.change(next)]);
      entries.delete(key);
      rooms.set(next);
      if (entry.text !== null) parts.onRows(entry.room, [], [key]);
      return true;
    });

  /**
   * @param {string} key
   */
  const deliver = async (key) => {
    for (let attempt = 0; ; attempt += 1) {
      const entry = entries.get(key);
      if (entry === undefined) return;
      const room = rooms.require(entry.room);
      const isWhole = entry.sealed !== null && entry.sealed.capsules.length > 0 && attempt === 0;
      const body = isWhole
        ? sendBody(room, entry, /** @type {SealedMessage} */ (entry.sealed))
        : await seal(key);
      if (body === null) return;
      try {
        await settle(key, await parts.transport(entry.room, body));
        return;
      } catch (error) {
        const isStale = error instanceof RefusedError && error.code === "stale_devices";
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
    if (entries.get(key)?.text === null) await forget(key);
    else await amend(key, { failure: code }, { state: "failed", failure: code });
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
        const head = [...entries.values()].find(
          (e) => e.room === room && e.failure === null && e.hold === null,
        );
        if (head === undefined) return;
        try {
          await deliver(head.key);
          attempt = 0;
        } catch (error) {
          const code = error instanceof AppError ? error.code : "";
          // Somebody else wrote since the sessions were read; what was sealed on them was never stored.
          if (code === "storage_conflict") sessions.forget();
          if (LATER.includes(code)) {
            const asked = error instanceof RefusedError ? error.retryAfterMs : 0;
            const delay = Math.max(asked, delayMs(BACKOFF, attempt, core.random));
            await core.clock.sleep(delay, nudge.signal).catch(() => {});
            attempt += 1;
          } else {
            await fail(head.key, error);
          }
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
    async load() {
      for (const { key, sealed, position } of await readOutbox(db)) {
        entries.set(key, { ...BLANK, ...(await vault.open("outbox", key, sealed)) });
        lastPosition = Math.max(lastPosition, position);
      }
    },
    /** There is a connection: send. */
    start() {
      open = true;
      nudge.abort();
      nudge = new AbortController();
      for (const room of new Set([...entries.values()].map((entry) => entry.room))) work(room);
    },
    /** There is none. What is under way fails by itself. */
    stop() {
      open = false;
      nudge.abort();
    },
    /**
     * @param {string} room
     * @param {string} text
     * @param {string} msgId drawn by the tab that asked, so that asking twice writes once
     * @returns {Promise<string>} the row's key
     */
    write: (room, text, msgId) => compose(room, { msgId, text }),
    /**
     * A message that is sent when `hold` says that its files are at the server.
     * @param {string} room
     * @param {{ msgId: string, text: string, files: FileRecord[] }} message
     * @returns {Promise<string>} the row's key
     */
    writeFiles: (room, message) => compose(room, { ...message, hold: "uploading" }),
    /** @param {string} key */
    get: (key) => entries.get(key),
    /** @returns {OutboxRecord[]} what waits for its files */
    held: () => [...entries.values()].filter(({ hold }) => hold !== null),
    /**
     * @param {string} key
     * @param {OutboxRecord["hold"]} hold null: its files are there
     */
    async hold(key, hold) {
      await amend(key, { hold }, {});
      const room = entries.get(key)?.room;
      if (room !== undefined && hold === null) work(room);
    },
    /**
     * @param {string} key
     * @param {string} file
     * @returns {Promise<boolean>} whether the message could be changed: it has not been sealed
     */
    async leaveOut(key, file) {
      const entry = entries.get(key);
      if (entry === undefined || entry.files === null || entry.hold === null) return false;
      const files = entry.files.filter(({ file_id: id }) => id !== file);
      await amend(key, { files }, { files });
      return true;
    },
    fail,
    /**
     * @param {string} room
     * @param {Control} control
     */
    async tell(room, control) {
      await compose(room, { msgId: toBase64url(randomBytes(16)), text: null, control });
    },
    /** @param {string} key */
    async retry(key) {
      const entry = entries.get(key);
      if (entry === undefined || entry.failure === null) return;
      // Asked for by a person, so it may go to the identity that is trusted now.
      const isOther = entry.failure === "identity_changed" && entry.sealed !== null;
      const sealed = isOther ? await forIdentitiesNow(entry) : entry.sealed;
      await amend(key, { failure: null, sealed }, { state: "pending", failure: null });
      work(entry.room);
    },
    discard: forget,
    /**
     * Whatever waits for a person who is now another one is not sent by itself.
     * @param {string} user
     */
    async holdBack(user) {
      for (const { key, room, failure, text } of [...entries.values()]) {
        if (rooms.get(room)?.peer !== user || failure !== null) continue;
        if (text === null) await forget(key);
        else {
          const code = "identity_changed";
          await amend(key, { failure: code }, { state: "failed", failure: code });
        }
      }
    },
    /** @param {string} msgId */
    has: (msgId) => [...entries.values()].some((entry) => entry.msgId === msgId),
    /**
     * The log shows an own message: its acknowledgement was lost.
     * @param {string} key
     * @param {Acceptance} acceptance
     */
    async seen(key, acceptance) {
      if (entries.has(key)) await settle(key, acceptance);
    },
    /** @param {string} room */
    forgetRoom(room) {
      for (const { key } of [...entries.values()].filter((entry) => entry.room === room)) {
        entries.delete(key);
      }
    },
  });

  /**
   * @param {OutboxRecord} entry
   * @returns {Promise<SealedMessage | null>}
   */
  async function forIdentitiesNow({ sealed, room }) {
    if (sealed === null) return null;
    const { peer } = rooms.require(room);
    const { trusted } = await parts.trust.ensure(peer);
    const identities = { ...sealed.identities, [peer]: trusted.record.accountKey };
    return { ...sealed, capsules: [], identities };
  }
}

/**
 * @param {Core} core
 * @param {OutboxRecord} entry
 * @param {string} text
 * @returns {RowRecord}
 */
function newRow(core, { msgId, files }, text) {
  return {
    kind: files === null ? "text" : "files",
    ...(files === null ? {} : { files }),
    mine: true,
    sender: core.own.user,
    device: core.own.device,
    msgId,
    seq: null,
    state: "pending",
    sentMs: core.serverNowMs(),
    failure: null,
    text,
  };
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
