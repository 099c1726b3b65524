/**
 * Rows of conversations: where they stand, how they are kept, what the page sees of them.
 *
 * A row's key is its room, sending device and message id, so the same message is the same row however
 * often it comes. Numbered rows are ordered by number, notices stand half a step before the message they
 * belong to, and what waits for a number comes after everything, in the order it was typed.
 */

import { readU32, toBase64url } from "../lib/bytes.js";
import { randomBytes } from "../crypto/primitives.js";
import { putRow } from "../storage/messages.js";
import { toAttachment } from "./attachments.js";

/** @import { Change } from "../storage/db.js" */
/** @import { StoredRow } from "../storage/messages.js" */
/** @import { Core, RoomRecord, RowRecord } from "./model.js" */
/** @import { MessageRow, MessageState, SystemNotice } from "./types.js" */

const WAITING_ORDER = 2 ** 52; // far beyond any number a room can reach, still exact

/**
 * @param {string} room
 * @param {string} device
 * @param {string} msgId
 * @returns {string}
 */
export function rowKey(room, device, msgId) {
  return `${room}/${device}/${msgId}`;
}

/**
 * @param {number} position in the outbox
 * @returns {number}
 */
export function waitingOrder(position) {
  return WAITING_ORDER + position;
}

/**
 * @param {Core} core
 * @param {{ key: string, room: string, order: number, record: RowRecord, wantedFrom?: string | null }} row
 *   `wantedFrom`: the device that is asked to send it again
 * @returns {Promise<{ stored: StoredRow, change: Change }>}
 */
export async function storeRow({ vault }, { key, room, order, record, wantedFrom = null }) {
  const { seq, mine, kind, reason } = record;
  // What this device was never meant to read is not waiting to be read.
  const isForeign = kind === "system" || reason === "before-this-device";
  const counts = !mine && !isForeign && seq !== null;
  /** @type {StoredRow} */
  const stored = {
    key,
    room,
    order,
    ...(counts ? { unread_seq: seq } : {}),
    ...(wantedFrom === null ? {} : { wanted_from: wantedFrom }),
    sealed: await vault.seal("message", key, record),
  };
  return { stored, change: putRow(stored) };
}

/**
 * @param {Core} core
 * @param {StoredRow} stored
 * @returns {Promise<RowRecord>}
 */
export function openRow({ vault }, { key, sealed }) {
  return vault.open("message", key, sealed);
}

/**
 * A sentence of ours inside the conversation, after the entry numbered `after` and before the next.
 * @param {Core} core
 * @param {RoomRecord} room
 * @param {{ after: number, notice: SystemNotice }} what
 */
export async function storeNotice(core, room, { after, notice }) {
  const random = randomBytes(6);
  const key = `${room.id}/system/${notice}-${toBase64url(random)}`;
  // Pages are cut at an order, so no two rows may have the same.
  const order = after + 0.5 + readU32(random) / 2 ** 34;
  /** @type {RowRecord} */
  const record = {
    kind: "system",
    mine: false,
    sender: room.peer,
    device: "",
    msgId: "",
    seq: null,
    state: "received",
    sentMs: core.serverNowMs(),
    failure: null,
    notice,
    params: { name: core.nameOf(room.peer) },
  };
  return { ...(await storeRow(core, { key, room: room.id, order, record })), record };
}

/**
 * What the page sees.
 * @param {Core} core
 * @param {RoomRecord} room
 * @param {StoredRow} stored
 * @param {RowRecord} record
 * @returns {MessageRow}
 */
export function toMessageRow({ statusOf }, room, { key, order }, record) {
  const { seq, mine, sender, sentMs, failure } = record;
  const state = stateOf(room, record);
  const common = { key, room: room.id, seq, order, mine, sender, state, sentMs, failure };
  switch (record.kind) {
    case "text":
      return { ...common, kind: "text", text: record.text ?? "" };
    case "files": {
      const files = record.files ?? [];
      const shown = files.map((file, index) => toAttachment(file, index, statusOf(file)));
      return { ...common, kind: "files", text: record.text ?? "", files: shown };
    }
    case "undecryptable": {
      const { reason = "no-session", next = "lost" } = record;
      return { ...common, kind: "undecryptable", reason, next };
    }
    case "system": {
      const { notice = "messages-missing", params = {} } = record;
      return { ...common, kind: "system", notice, params };
    }
    default:
      return { ...common, kind: "unknown" };
  }
}

/**
 * @param {RoomRecord} room
 * @param {RowRecord} record
 * @returns {MessageState}
 */
function stateOf({ peerDelivered, peerRead }, { mine, state, seq }) {
  if (!mine) return "received";
  if (state !== "sent" || seq === null) return state;
  if (seq <= peerRead) return "read";
  return seq <= peerDelivered ? "delivered" : "sent";
}
