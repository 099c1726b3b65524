/**
 * A page of a room's log, taken in: opened, stored with the ratchet states in one transaction, told.
 *
 * Entries are processed in the order of their numbers, each exactly once; the room's cursor moves in the
 * same transaction. What an entry asks for afterwards (answers, receipts, notices) is collected and done
 * when the transaction has gone through.
 */

import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { parseMessage, readSeq } from "../protocol/frames.js";
import { readRow, removeRow } from "../storage/messages.js";
import { parseControl } from "./control.js";
import { stepOverOwn, withOwnSeq } from "./cursor.js";
import { bodyOf, openAgain, openMessage } from "./incoming.js";
import { openRow, rowKey, storeNotice, storeRow, toMessageRow } from "./rows.js";
import { peerName } from "./sessions.js";
import { follow, isGap, noteUnread } from "./trail.js";

/** @import { Content } from "../crypto/types.js" */
/** @import { Message } from "../protocol/frames.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { StoredRow } from "../storage/messages.js" */
/** @import { ControlContent } from "./control.js" */
/** @import { Opened } from "./incoming.js" */
/** @import { Core, RoomRecord, RowRecord } from "./model.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Sessions, Work } from "./sessions.js" */
/** @import { Trust } from "./trust.js" */
/** @import { MessageRow } from "./types.js" */

const HEARTBEAT_AFTER = 50; // received in one chain without an own message (SEAL1 §4.5)

/**
 * What is to be done when a page is stored.
 * @typedef {object} Aftermath
 * @property {MessageRow[]} rows
 * @property {string[]} removed keys of rows that are gone
 * @property {boolean} needsHeartbeat
 * @property {boolean} wantsRetry somebody is to be asked again
 * @property {{ peer: string, msgIds: string[] }[]} retries this device is asked by others
 * @property {NonNullable<ControlContent["trust"]>} trust statements of own devices
 * @property {{ sender: string, own: [number, string], peers: string }[]} gossip
 * @property {{ key: string, seq: number, server_ms: number }[]} settled own messages seen in the log
 * @property {number} costly entries that cost much and opened nothing
 */

/** @typedef {{ trust: Trust, sessions: Sessions, rooms: Rooms }} Parts */

/**
 * Take a page in. The caller holds the mutex.
 *
 * Throws: AppError "storage_conflict" or "storage_failed"; then nothing has happened.
 * @param {Core} core
 * @param {Parts} parts
 * @param {string} roomId
 * @param {readonly unknown[]} entries consecutive, the first one the cursor's next
 * @returns {Promise<Aftermath>}
 */
export async function takePage(core, parts, roomId, entries) {
  const page = new Page(core, parts, parts.rooms.require(roomId));
  for (const entry of entries) await page.take(entry);
  return page.commit();
}

/** One page in the making. */
class Page {
  #core;
  #parts;
  #work;
  #room;
  /** @type {Map<string, { stored: StoredRow, record: RowRecord, change: Change }>} */
  #rows = new Map();
  /** @type {Aftermath} */
  #after = {
    rows: [],
    removed: [],
    needsHeartbeat: false,
    wantsRetry: false,
    retries: [],
    trust: [],
    gossip: [],
    settled: [],
    costly: 0,
  };

  /**
   * @param {Core} core
   * @param {Parts} parts
   * @param {RoomRecord} room
   */
  constructor(core, parts, room) {
    this.#core = core;
    this.#parts = parts;
    this.#work = parts.sessions.begin();
    this.#room = room;
  }

  /** @param {unknown} entry */
  async take(entry) {
    const seq = readSeq(entry);
    if (seq <= this.#room.cursor) return;
    const message = readEntry(entry);
    try {
      if (message === null) await this.#takeMalformed(seq);
      else if (message.sender_device === this.#core.own.device) await this.#takeOwn(message);
      else await this.#takeOther(message);
    } catch (error) {
      if (error instanceof AppError && error.code.startsWith("storage_")) throw error;
      // A bug of ours with one entry must not keep the ones behind it from being read.
      this.#core.log.error("message.broken", { error });
      await this.#takeMalformed(seq);
    }
    const room = { ...this.#room, cursor: seq, lastSeq: Math.max(seq, this.#room.lastSeq) };
    this.#room = stepOverOwn(room);
  }

  /** @returns {Promise<Aftermath>} */
  async commit() {
    await this.#core.db.commit([
      ...(await this.#work.changes()),
      ...[...this.#rows.values()].map(({ change }) => change),
      ...this.#after.removed.map((key) => removeRow(key)),
      await this.#parts.rooms.change(this.#room),
    ]);
    this.#work.done();
    this.#parts.rooms.set(this.#room);
    this.#after.rows = [...this.#rows.values()].map(({ stored, record }) =>
      toMessageRow(this.#core, this.#room, stored, record),
    );
    return this.#after;
  }

  /**
   * The log shows what this device sent.
   * @param {Message} message
   */
  async #takeOwn({ seq, msg_id: msgId, server_ms: serverMs }) {
    const key = rowKey(this.#room.id, this.#core.own.device, msgId);
    this.#room = withOwnSeq(this.#room, seq);
    this.#after.settled.push({ key, seq, server_ms: serverMs });
  }

  /** @param {Message} message */
  async #takeOther(message) {
    const { sender, sender_device: device, msg_id: msgId, seq } = message;
    const key = rowKey(this.#room.id, device, msgId);
    const known = this.#rows.get(key)?.stored ?? (await readRow(this.#core.db, key));
    if (known !== undefined) return; // the same message under another number: shown once
    const opened = await openMessage(
      this.#core,
      this.#parts.trust,
      this.#work,
      this.#room,
      message,
    );
    if (opened.kind === "failed") return this.#takeFailed(message, key, opened);
    this.#after.needsHeartbeat ||= opened.needsAnswer || opened.received >= HEARTBEAT_AFTER;
    if (opened.kind === "nothing") return undefined;
    const { content, capsule } = opened;
    if (capsule.kind !== "message") return this.#takeControl(message, content);
    if (content.t === "control") return this.#takeTrust(sender, content);
    await this.#checkTrail(message, content, toBase64url(capsule.payloadHash));
    if (content.dl !== undefined) this.#after.gossip.push({ sender, ...content.dl });
    const body = await bodyOf(this.#parts.trust, this.#room, { sender, device, msgId }, content);
    if (body.kind !== "unknown") this.#room = { ...this.#room, deliveredSeq: seq };
    const record = {
      ...this.#record(message, body.kind),
      ...body,
      report: { frankingKey: opened.frankingKey, c2: message.c2, frank: message.frank },
    };
    return this.#put(key, seq, record, null);
  }

  /**
   * @param {Message} message
   * @param {string} key
   * @param {Extract<Opened, { kind: "failed" }>} failed
   */
  async #takeFailed(message, key, { reason, canAsk, isCostly }) {
    const { sender, sender_device: device, seq, payload, c2 } = message;
    // Opened before: a replay by the server, or the same bytes twice. Nothing is new to anybody.
    if (reason === "duplicate") return;
    // A new device says once, and not for every message, that there was something before it.
    if (reason === "before-this-device" && this.#room.beforeSeq === seq - 1) {
      this.#room = { ...this.#room, beforeSeq: seq };
      return;
    }
    if (reason === "before-this-device") this.#room = { ...this.#room, beforeSeq: seq };
    if (isCostly) this.#after.costly += 1;
    this.#room = noteUnread(this.#room, device);
    /** @type {RowRecord} */
    const record = {
      ...this.#record(message, "undecryptable"),
      reason,
      next: canAsk ? "waiting" : "lost",
      ...(canAsk ? { envelope: { payload, c2 } } : {}),
    };
    this.#after.wantsRetry ||= canAsk;
    await this.#put(key, seq, record, canAsk ? peerName(sender, device) : null);
  }

  /**
   * An entry of which only the number can be read.
   * @param {number} seq
   */
  async #takeMalformed(seq) {
    this.#core.log.warn("message.malformed");
    const key = `${this.#room.id}/malformed/${seq}`;
    /** @type {RowRecord} */
    const record = {
      kind: "undecryptable",
      mine: false,
      sender: this.#room.peer,
      device: "",
      msgId: "",
      seq,
      state: "received",
      sentMs: this.#core.serverNowMs(),
      failure: null,
      reason: "unsupported",
      next: "lost",
    };
    await this.#put(key, seq, record, null);
  }

  /**
   * A reset, a retry, or the answer to one.
   * @param {Message} message
   * @param {Content} content
   */
  async #takeControl({ sender, sender_device: device }, content) {
    if (content.t !== "control") return;
    const control = readControl(content);
    const peer = peerName(sender, device);
    if (control?.retry !== undefined) this.#after.retries.push({ peer, msgIds: control.retry });
    for (const keys of control?.reissue ?? []) {
      await this.#heal(rowKey(this.#room.id, device, keys.msg_id), sender, keys);
    }
    for (const msgId of control?.nothing ?? []) {
      await this.#dismiss(rowKey(this.#room.id, device, msgId), sender);
    }
  }

  /**
   * @param {string} sender
   * @param {Content} content
   */
  #takeTrust(sender, content) {
    if (sender !== this.#core.own.user) return;
    this.#after.trust.push(...(readControl(content)?.trust ?? []));
  }

  /**
   * Put the message where its "could not be opened" stands. Only the device that sent it can.
   * @param {string} key
   * @param {string} sender
   * @param {NonNullable<ControlContent["reissue"]>[number]} keys
   */
  async #heal(key, sender, keys) {
    const stored = this.#rows.get(key)?.stored ?? (await readRow(this.#core.db, key));
    if (stored === undefined) return;
    const record = this.#rows.get(key)?.record ?? (await openRow(this.#core, stored));
    if (record.envelope === undefined || record.sender !== sender) return;
    const answer = { contentKey: keys.content_key, payloadHash: keys.payload_hash };
    const opened = await openAgain(this.#room, record, record.envelope, answer).catch(() => null);
    if (opened === null) return;
    const { mine, device, msgId, seq, state, sentMs, failure } = record;
    const kept = { mine, sender, device, msgId, seq, state, sentMs, failure };
    const body = await bodyOf(this.#parts.trust, this.#room, record, opened.content);
    await this.#put(key, stored.order, { ...kept, ...body }, null);
  }

  /**
   * Take a "could not be opened" away: what it stood for was told between devices.
   * @param {string} key
   * @param {string} sender
   */
  async #dismiss(key, sender) {
    const stored = this.#rows.get(key)?.stored ?? (await readRow(this.#core.db, key));
    const record = stored && (await openRow(this.#core, stored));
    if (record?.kind !== "undecryptable" || record.sender !== sender) return;
    this.#rows.delete(key);
    this.#after.removed.push(key);
  }

  /**
   * @param {Message} message
   * @param {Content} content
   * @param {string} hash PH
   */
  async #checkTrail({ sender_device: device, seq }, content, hash) {
    if (content.sseq === undefined) return;
    const trail = this.#room.senders[device];
    const counted = { sseq: content.sseq, prev: content.prev ?? null };
    if (isGap(trail, counted)) {
      const notice = /** @type {const} */ ("messages-missing");
      const row = await storeNotice(this.#core, this.#room, { after: seq - 1, notice });
      this.#rows.set(row.stored.key, row);
    }
    const senders = {
      ...this.#room.senders,
      [device]: follow(trail, { sseq: content.sseq, hash }),
    };
    this.#room = { ...this.#room, senders };
  }

  /**
   * @param {string} key
   * @param {number} order
   * @param {RowRecord} record
   * @param {string | null} wantedFrom
   */
  async #put(key, order, record, wantedFrom) {
    const room = this.#room.id;
    const row = await storeRow(this.#core, { key, room, order, record, wantedFrom });
    this.#rows.set(key, { ...row, record });
    this.#room = {
      ...this.#room,
      lastActivityMs: Math.max(this.#room.lastActivityMs, record.sentMs),
    };
  }

  /**
   * @param {Message} message
   * @param {RowRecord["kind"]} kind
   * @returns {RowRecord}
   */
  #record({ sender, sender_device: device, msg_id: msgId, seq, server_ms: sentMs }, kind) {
    const mine = sender === this.#core.own.user;
    const state = mine ? "sent" : "received";
    return { kind, mine, sender, device, msgId, seq, state, sentMs, failure: null };
  }
}

/**
 * @param {unknown} entry
 * @returns {Message | null} null when it does not have the documented form
 */
function readEntry(entry) {
  try {
    return parseMessage(entry);
  } catch (error) {
    if (error instanceof AppError && error.code === "bad_answer") return null;
    throw error;
  }
}

/** @param {Content} content */
function readControl(content) {
  try {
    return parseControl(content);
  } catch {
    return null;
  }
}
