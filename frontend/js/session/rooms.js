/**
 * Rooms: as the server describes them, checked, with what this device remembers of each.
 *
 * The id of a two-person room is recomputed from its members and nonce before it is used, so the server
 * cannot put anyone else into it (SEAL1 §4.8). A room that is gone takes its plaintext with it: the end
 * of the room is what `exp` of its messages said, unless both have agreed to keep it longer.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { randomBytes } from "../crypto/primitives.js";
import { verifyDirectRoom } from "../crypto/rooms.js";
import * as bodies from "../protocol/bodies.js";
import { isRefused } from "../protocol/errors.js";
import { removeFilesOf } from "../storage/files.js";
import { removeRowsOf } from "../storage/messages.js";
import { readOutbox, removeOutbox } from "../storage/outbox.js";
import { putRoom, readRooms, removeRoom } from "../storage/rooms.js";

/** @import { Change } from "../storage/db.js" */
/** @import { Room } from "../protocol/bodies.js" */
/** @import { Core, RoomRecord } from "./model.js" */

/**
 * @typedef {object} Rooms
 * @property {() => Promise<void>} load
 * @property {(id: string) => RoomRecord | undefined} get
 * @property {(id: string) => RoomRecord} require throws AppError("not_found")
 * @property {() => RoomRecord[]} all
 * @property {(user: string) => RoomRecord | undefined} withPeer the one that lives longest
 * @property {(record: RoomRecord) => Promise<Change>} change for a transaction of the caller
 * @property {(record: RoomRecord) => void} set it has been stored
 * @property {(id: string, fields: Partial<RoomRecord>) => Promise<void>} patch takes the mutex
 * @property {() => Promise<void>} refreshAll
 * @property {(id: string) => Promise<void>} refresh
 * @property {(user: string) => Promise<string>} open the room with a person, made if there is none
 * @property {(id: string, on: boolean) => Promise<void>} keep
 * @property {(id: string) => Promise<void>} leave end it for both
 * @property {(id: string) => Promise<void>} drop forget it here
 */

/**
 * @param {Core} core
 * @param {{ onChange: (id: string) => void, onRemoved: (id: string) => void,
 *   onKept: (room: RoomRecord) => Promise<void> }} listener
 * @returns {Rooms}
 */
export function createRooms(core, { onChange, onRemoved, onKept }) {
  const { api, db, vault, own } = core;
  /** @type {Map<string, RoomRecord>} */
  const rooms = new Map();

  /** @type {Rooms["change"]} */
  const change = async (record) =>
    putRoom({ id: record.id, sealed: await vault.seal("room", record.id, record) });

  /** @type {Rooms["patch"]} */
  const patch = (id, fields) =>
    core.mutex.run(async () => {
      const before = rooms.get(id);
      if (before === undefined) return;
      const record = { ...before, ...fields };
      await db.commit([await change(record)]);
      rooms.set(id, record);
      onChange(id);
    });

  /** @param {Room} wire */
  const adopt = async (wire) => {
    const peer = wire.members.find(({ user_id: user }) => user !== own.user);
    const isMember = wire.members.some(({ user_id: user }) => user === own.user);
    if (peer === undefined || !isMember) throw new AppError("bad_room");
    const before = rooms.get(wire.id);
    if (before === undefined) {
      await verifyDirectRoom({
        roomId: fromBase64url(wire.id, 32),
        userA: own.userId,
        userB: fromBase64url(peer.user_id, 16),
        nonce: fromBase64url(wire.nonce, 16),
      });
      rooms.set(wire.id, newRecord(wire, peer.user_id));
    }
    await patch(wire.id, serverFields(wire, own.user, before));
    const after = rooms.get(wire.id);
    const isKept = before !== undefined && wire.expires_ms > before.expiresMs;
    if (isKept && after !== undefined) await onKept(after);
  };

  /** @type {Rooms["drop"]} */
  const drop = (id) =>
    core.mutex.run(async () => {
      if (!rooms.delete(id)) return;
      const waiting = (await readOutbox(db)).filter(({ room }) => room === id);
      const entries = waiting.map(({ key }) => removeOutbox(key));
      await db.commit([removeRoom(id), removeRowsOf(id), ...removeFilesOf(id), ...entries]);
      onRemoved(id);
    });

  /** @type {Rooms["refresh"]} */
  const refresh = async (id) => {
    try {
      await adopt(await api.call("GET", `/api/rooms/${id}`, bodies.room));
    } catch (error) {
      if (!isRefused(error, "not_found")) throw error;
      await drop(id);
    }
  };

  /** @type {Rooms["require"]} */
  const require = (id) => {
    const room = rooms.get(id);
    if (room === undefined) throw new AppError("not_found");
    return room;
  };

  return Object.freeze({
    async load() {
      for (const { id, sealed } of await readRooms(db)) {
        rooms.set(id, await vault.open("room", id, sealed));
      }
    },
    get: (id) => rooms.get(id),
    require,
    all: () => [...rooms.values()],
    withPeer(user) {
      const shared = [...rooms.values()].filter(({ peer }) => peer === user);
      return shared.sort((a, b) => b.expiresMs - a.expiresMs)[0];
    },
    change,
    set(record) {
      rooms.set(record.id, record);
      onChange(record.id);
    },
    patch,
    async refreshAll() {
      const answer = await api.call("GET", "/api/rooms", bodies.roomList);
      for (const wire of answer.rooms) {
        await adopt(wire).catch((error) => {
          if (!(error instanceof AppError) || error.code !== "bad_room") throw error;
          core.log.warn("room.refused");
        });
      }
      const live = new Set(answer.rooms.map(({ id }) => id));
      for (const id of [...rooms.keys()].filter((known) => !live.has(known))) await drop(id);
    },
    refresh,
    async open(user) {
      const body = { kind: "dm", peer: user, nonce: toBase64url(randomBytes(16)) };
      const wire = await api.call("POST", "/api/rooms", bodies.room, body);
      await adopt(wire);
      return wire.id;
    },
    async keep(id, on) {
      await adopt(await api.call(on ? "PUT" : "DELETE", `/api/rooms/${id}/keep`, bodies.room));
    },
    async leave(id) {
      await api.call("DELETE", `/api/rooms/${id}`, bodies.empty);
      await drop(id);
    },
    drop,
  });
}

/**
 * @param {Room} wire
 * @param {string} peer
 * @returns {RoomRecord}
 */
function newRecord(wire, peer) {
  return {
    id: wire.id,
    nonce: wire.nonce,
    peer,
    createdMs: wire.created_ms,
    expiresMs: wire.expires_ms,
    keptBy: [],
    lastSeq: 0,
    cursor: 0,
    ownSeqs: [],
    readSeq: 0,
    deliveredSeq: 0,
    told: { delivered: 0, read: 0 },
    peerDelivered: 0,
    peerRead: 0,
    beforeSeq: -1,
    draft: "",
    lastActivityMs: wire.created_ms,
    sseq: 0,
    prev: null,
    senders: {},
  };
}

/**
 * What the server knows better than this device.
 * @param {Room} wire
 * @param {string} ownUser
 * @param {RoomRecord | undefined} before
 * @returns {Partial<RoomRecord>}
 */
function serverFields(wire, ownUser, before) {
  const own = wire.members.find(({ user_id: user }) => user === ownUser);
  const peer = wire.members.find(({ user_id: user }) => user !== ownUser);
  return {
    expiresMs: wire.expires_ms,
    keptBy: wire.members.filter(({ keep }) => keep).map(({ user_id: user }) => user),
    lastSeq: Math.max(wire.last_seq, before?.lastSeq ?? 0),
    told: { delivered: own?.delivered_seq ?? 0, read: own?.read_seq ?? 0 },
    readSeq: Math.max(own?.read_seq ?? 0, before?.readSeq ?? 0),
    peerDelivered: Math.max(peer?.delivered_seq ?? 0, before?.peerDelivered ?? 0),
    peerRead: Math.max(peer?.read_seq ?? 0, before?.peerRead ?? 0),
  };
}
