/**
 * What this device keeps of messages on their way: an entry each, with the row the page sees and the room
 * that counts it.
 *
 *     add ─▶ step: sealed ─▶ settle: accepted, gone from here, its row has a number
 *              fail ◀─▶ amend: waits for a person, tried again
 *              remove: as if it had never been written
 *
 * Atomicity: whatever happens to an entry is one transaction with its row and its room, made while nobody
 * else has the mutex; memory follows when it is stored.
 */

import { readRow, removeRow } from "../storage/messages.js";
import { putOutbox, readOutbox, removeOutbox } from "../storage/outbox.js";
import { withOwnSeq } from "./cursor.js";
import { openRow, rowKey, storeRow, toMessageRow, waitingOrder } from "./rows.js";

/** @import { Change } from "../storage/db.js" */
/** @import { Accepted } from "./accepted.js" */
/** @import { Core, OutboxRecord, RoomRecord, RowRecord } from "./model.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { MessageRow } from "./types.js" */

const BLANK = Object.freeze({
  control: null,
  files: null,
  hold: null,
  sealed: null,
  failure: null,
});

/** @typedef {{ seq: number, server_ms: number }} Acceptance */

/**
 * @typedef {object} Step
 * @property {OutboxRecord | null} entry null: it is gone from here
 * @property {Partial<RowRecord> | null} row what changes in it; null: it is gone too
 * @property {boolean} [isUnseen] nothing of the row's change is for the page
 * @property {RoomRecord} [room] when it changes
 * @property {readonly Change[]} [changes] that become true with it
 * @property {() => void} [done] called when it is stored, before anybody else has the mutex
 */

/**
 * @typedef {object} Parts
 * @property {Rooms} rooms
 * @property {Accepted} accepted
 * @property {(room: string, rows: MessageRow[], removed?: string[]) => void} onRows
 * @property {(room: string) => void} onAccepted the room's log has grown by a message of ours
 */

/** @typedef {ReturnType<typeof createOutboxRecords>} OutboxRecords */

/**
 * @param {Core} core
 * @param {Parts} parts
 */
export function createOutboxRecords(core, { rooms, accepted, onRows, onAccepted }) {
  const { db, vault } = core;
  /** @type {Map<string, OutboxRecord>} by key, in the order of composing */
  const entries = new Map();
  let lastPosition = 0;

  /**
   * @param {string} key
   * @param {OutboxRecord | null} entry
   * @returns {Promise<Change>}
   */
  const entryChange = async (key, entry) => {
    if (entry === null) return removeOutbox(key);
    const { room, position } = entry;
    return putOutbox({ key, room, position, sealed: await vault.seal("outbox", key, entry) });
  };

  /**
   * @param {RoomRecord} room
   * @param {OutboxRecord} entry
   * @param {Partial<RowRecord> | null} fields
   * @returns {Promise<{ change: Change, rows: MessageRow[], removed: string[] } | null>} null without a row
   */
  const rowStep = async (room, entry, fields) => {
    const { key, position, text } = entry;
    if (text === null) return null;
    if (fields === null) return { change: removeRow(key), rows: [], removed: [key] };
    const stored = await readRow(db, key);
    const before = stored === undefined ? null : await openRow(core, stored);
    const record = { ...newRow(core, entry, text), ...before, ...fields };
    const order = record.seq ?? waitingOrder(position);
    const row = await storeRow(core, { key, room: room.id, order, record });
    const rows = [toMessageRow(core, room, row.stored, record)];
    return { change: row.change, rows, removed: [] };
  };

  /**
   * @param {RoomRecord} room as it is before
   * @param {OutboxRecord} before
   * @param {Step} step
   */
  const store = async (room, before, { entry, row: fields, isUnseen, room: after, ...more }) => {
    const { key } = before;
    const row = await rowStep(after ?? room, entry ?? before, fields);
    await db.commit([
      ...(more.changes ?? []),
      await entryChange(key, entry),
      ...(after === undefined ? [] : [await rooms.change(after)]),
      ...(row === null ? [] : [row.change]),
    ]);
    if (entry === null) entries.delete(key);
    else entries.set(key, entry);
    if (after !== undefined) rooms.set(after);
    if (row !== null && isUnseen !== true) onRows(room.id, row.rows, row.removed);
    more.done?.();
  };

  /**
   * Make a step with an entry, if it is still here.
   * @param {string} key
   * @param {(entry: OutboxRecord, room: RoomRecord) => Step | null | Promise<Step>} make null: no step
   * @returns {Promise<boolean>} whether one was made
   */
  const step = (key, make) =>
    core.mutex.run(async () => {
      const entry = entries.get(key);
      const room = entry && rooms.get(entry.room);
      if (entry === undefined || room === undefined) return false;
      const made = await make(entry, room);
      if (made !== null) await store(room, entry, made);
      return made !== null;
    });

  /**
   * @param {string} key
   * @param {Partial<OutboxRecord>} fields
   * @param {Partial<RowRecord>} row
   */
  const amend = (key, fields, row) =>
    step(key, (entry) => ({ entry: { ...entry, ...fields }, row }));

  /**
   * @param {string} key
   * @returns {Promise<boolean>} whether it was still here
   */
  const remove = (key) =>
    step(key, ({ sealed }, room) => {
      // The number it had goes to the next message, or its absence would look like a loss.
      const { sseq = 0, prev = null } = sealed ?? {};
      const isLast = sseq !== 0 && sseq === room.sseq;
      return { entry: null, row: null, room: isLast ? { ...room, sseq: sseq - 1, prev } : room };
    });

  return Object.freeze({
    async load() {
      for (const { key, sealed, position } of await readOutbox(db)) {
        entries.set(key, { ...BLANK, ...(await vault.open("outbox", key, sealed)) });
        lastPosition = Math.max(lastPosition, position);
      }
    },
    /** @param {string} key */
    get: (key) => entries.get(key),
    /** @returns {OutboxRecord[]} in the order of composing */
    all: () => [...entries.values()],
    /**
     * @param {string} roomId
     * @param {Pick<OutboxRecord, "msgId" | "text"> & Partial<OutboxRecord>} what
     * @returns {Promise<string>} the row's key
     */
    add: (roomId, what) =>
      core.mutex.run(async () => {
        const { msgId, text } = what;
        const key = rowKey(roomId, core.own.device, msgId);
        const room = rooms.require(roomId);
        // The same call may come twice when the leading tab has changed in between.
        if (entries.has(key) || accepted.has(msgId)) return key;
        lastPosition += 1;
        const entry = { ...BLANK, ...what, key, room: roomId, position: lastPosition };
        const typed = { ...room, draft: "", lastActivityMs: core.serverNowMs() };
        const row = { state: /** @type {const} */ ("pending") };
        await store(room, entry, { entry, row, room: text === null ? room : typed });
        return key;
      }),
    step,
    amend,
    /**
     * The server has it.
     * @param {string} key
     * @param {Acceptance} acceptance
     */
    settle: (key, { seq, server_ms: sentMs }) =>
      step(key, async ({ msgId }, room) => ({
        entry: null,
        row: { state: "sent", seq, sentMs, failure: null },
        room: withOwnSeq(room, seq),
        changes: [await accepted.change(msgId)],
        done() {
          accepted.add(msgId);
          onAccepted(room.id);
        },
      })),
    /**
     * It is not sent by itself any more: a person decides; what no person wrote is gone.
     * @param {string} key
     * @param {string} code
     */
    async fail(key, code) {
      if (entries.get(key)?.text === null) await remove(key);
      else await amend(key, { failure: code }, { state: "failed", failure: code });
    },
    remove,
    /** @param {string} room that is gone with all that was stored of it */
    forgetRoom(room) {
      for (const [key, entry] of entries) if (entry.room === room) entries.delete(key);
    },
  });
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
