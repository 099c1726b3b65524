/**
 * What the page is told, gathered: at most ten times a second each slice, whole.
 *
 * A page of fifty messages changes a room fifty times and the list once.
 */

import { countUnread, readPage } from "../storage/messages.js";
import { openRow, toMessageRow } from "./rows.js";

/** @import { Core, RoomRecord } from "./model.js" */
/** @import { People } from "./people.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Transfers } from "./transfers.js" */
/** @import { MessageRow, Person, RoomItem } from "./types.js" */

const EVERY_MS = 100;

/** @typedef {{ unread: number, firstUnreadSeq: number | null, lastRow: MessageRow | null }} Digest */
/** @typedef {ReturnType<typeof createSlices>} Slices */

/**
 * @param {Core} core
 * @param {{ rooms: () => Rooms, people: () => People, transfers: () => Transfers,
 *   isTyping: (room: string) => boolean }} parts
 */
export function createSlices(core, parts) {
  /** @type {Map<string, Digest>} */
  const digests = new Map();
  /** @type {Set<string>} */
  const dirtyRooms = new Set();
  let dirtyPeople = false;
  let dirtyTransfers = false;
  let waiting = false;
  let stopped = false;

  /** @param {RoomRecord} room @returns {Promise<Digest>} */
  const digest = async (room) => {
    const [unread, newest] = await Promise.all([
      countUnread(core.db, room.id, room.readSeq),
      readPage(core.db, { room: room.id, limit: 1, newest: true }),
    ]);
    const row = newest[0];
    const lastRow = row ? toMessageRow(core, room, row, await openRow(core, row)) : null;
    return { ...unread, lastRow };
  };

  /** @param {RoomRecord} room @returns {RoomItem} */
  const itemOf = (room) => {
    const peer = parts.people().person(room.peer);
    const { unread, firstUnreadSeq, lastRow } = digests.get(room.id) ?? EMPTY;
    const { id, createdMs, expiresMs, keptBy, lastActivityMs, draft } = room;
    return {
      id,
      peer,
      createdMs,
      expiresMs,
      keptBy,
      unread,
      firstUnreadSeq,
      lastRow,
      lastActivityMs,
      draft,
      typing: parts.isTyping(id),
      sendBlocked: blockOf(peer),
    };
  };

  const flush = async () => {
    const ids = [...dirtyRooms];
    dirtyRooms.clear();
    const peopleChanged = dirtyPeople;
    const transfersChanged = dirtyTransfers || peopleChanged;
    const roomsChanged = ids.length > 0 || peopleChanged;
    dirtyPeople = false;
    dirtyTransfers = false;
    for (const id of ids) {
      const room = parts.rooms().get(id);
      if (room === undefined) digests.delete(id);
      else digests.set(id, await digest(room));
    }
    if (stopped) return;
    if (peopleChanged) core.emit("people", parts.people().slice());
    if (transfersChanged) core.emit("transfers", parts.transfers().slice());
    if (roomsChanged) {
      const items = parts.rooms().all().map(itemOf);
      core.emit(
        "rooms",
        items.sort((a, b) => b.lastActivityMs - a.lastActivityMs),
      );
    }
  };

  const schedule = () => {
    if (waiting || stopped) return;
    waiting = true;
    void core.clock.sleep(EVERY_MS).then(async () => {
      waiting = false;
      if (!stopped) await flush().catch((error) => core.log.warn("slices.failed", { error }));
    });
  };

  return Object.freeze({
    /** @param {string} id */
    room(id) {
      dirtyRooms.add(id);
      schedule();
    },
    people() {
      dirtyPeople = true;
      schedule();
    },
    transfers() {
      dirtyTransfers = true;
      schedule();
    },
    /** Send everything now, as after the start. */
    async all() {
      for (const { id } of parts.rooms().all()) dirtyRooms.add(id);
      dirtyPeople = true;
      await flush();
    },
    stop() {
      stopped = true;
    },
  });
}

/** @type {Digest} */
const EMPTY = Object.freeze({ unread: 0, firstUnreadSeq: null, lastRow: null });

/**
 * @param {Person} peer
 * @returns {RoomItem["sendBlocked"]}
 */
export function blockOf({ identity, relation }) {
  if (identity === "changed" || identity === "changed-verified") return "identity";
  return relation === "accepted" ? null : "not-contact";
}
