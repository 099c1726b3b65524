/**
 * What happens when a frame comes, and when a connection has been made.
 *
 * A connection begins with looking: is this database the newest this device ever had, who are the people,
 * which rooms are there, what has been written in them. Only then is anything sent.
 */

import { AppError } from "../lib/errors.js";
import * as bodies from "../protocol/bodies.js";
import { readPage } from "../storage/messages.js";
import { openRow, toMessageRow } from "./rows.js";

/** @import { ServerFrame, ServerFrames } from "../protocol/frames.js" */
/** @import { Accepted } from "./accepted.js" */
/** @import { Healer } from "./healer.js" */
/** @import { Inbox } from "./inbox.js" */
/** @import { Core } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { OwnPreKeys } from "./own-prekeys.js" */
/** @import { People } from "./people.js" */
/** @import { Receipts } from "./receipts.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Sessions } from "./sessions.js" */
/** @import { Transfers } from "./transfers.js" */
/** @import { Trust } from "./trust.js" */
/** @import { Typing } from "./typing.js" */
/** @import { EngineEvents, MessageRow } from "./types.js" */

const REFILL_SPREAD_MS = 600_000; // refilling at once would tell whoever drained us that we are here
const CURSOR_AGAIN_MS = 3_000;
const MARKED_ROWS = 200; // rows whose tick changes at once; older ones are read with the new state anyway
/** @type {readonly EngineEvents["signedOut"]["reason"][]} */
const REASONS = ["logged_out", "revoked", "device_removed", "password_changed"];

/**
 * @typedef {object} Parts
 * @property {Rooms} rooms
 * @property {People} people
 * @property {Trust} trust
 * @property {Inbox} inbox
 * @property {Outbox} outbox
 * @property {Sessions} sessions
 * @property {Receipts} receipts
 * @property {Healer} healer
 * @property {OwnPreKeys} prekeys
 * @property {Typing} typing
 * @property {Accepted} accepted
 * @property {Transfers} transfers
 * @property {(room: string, rows: MessageRow[]) => void} onRows
 * @property {(serverMs: number) => void} setServerMs
 * @property {() => void} sendPresence
 * @property {() => Promise<void>} refreshMe
 * @property {(reason: EngineEvents["signedOut"]["reason"]) => void} onRevoked
 */

/**
 * @param {Core} core
 * @param {Parts} parts
 */
export function createDispatch(core, parts) {
  const { rooms, people, trust, inbox, outbox, transfers } = parts;
  let connections = 0; // whatever belongs to an earlier connection stops by this
  let isCursorChecked = false;

  /**
   * @param {string} name
   * @param {() => Promise<unknown>} step one that fails does not keep the others from being done
   */
  const attempt = async (name, step) => {
    try {
      await step();
    } catch (error) {
      const isOurs = !(error instanceof AppError);
      core.log[isOurs ? "error" : "warn"](name, { error });
    }
  };

  /** SEAL1 §4.6: the server remembers a message that this database does not. */
  const checkCursor = async () => {
    if (isCursorChecked) return;
    const { msg_id: newest } = await core.api.call("GET", "/api/e2ee/self/cursor", bodies.cursor);
    isCursorChecked = true;
    if (newest === null || parts.accepted.has(newest) || outbox.has(newest)) return;
    core.log.warn("state.rolled-back");
    await core.mutex.run(async () => core.db.commit(await parts.sessions.dropAll()));
    await parts.prekeys.renew();
  };

  /** Whoever shares a room with us is pinned before the first message, not by it. */
  const meetRoommates = async () => {
    for (const { peer } of rooms.all()) {
      if (trust.get(peer) === undefined) await attempt("meet.failed", () => trust.refresh(peer));
      if (!people.isKnown(peer)) await attempt("person.failed", () => people.refreshPerson(peer));
    }
  };

  /** @param {string} room */
  const roomUpdated = async (room) => {
    await rooms.refresh(room);
    await meetRoommates();
  };

  /** @param {ServerFrames["authenticated"]} frame */
  const connected = async ({ server_ms: serverMs, rooms: heads, presence }) => {
    connections += 1;
    const connection = connections;
    parts.setServerMs(serverMs);
    for (const { user, status, last_seen_ms: lastSeenMs } of presence) {
      people.setPresence(user, { status, lastSeenMs });
    }
    parts.sendPresence();
    await attempt("cursor.failed", checkCursor);
    while (!isCursorChecked && connection === connections) {
      // Nothing may be sent on states that could be old.
      await core.clock.sleep(CURSOR_AGAIN_MS);
      await attempt("cursor.failed", checkCursor);
    }
    await attempt("own-list.failed", () => trust.refresh(core.own.user));
    await attempt("people.failed", () => people.refresh());
    await attempt("rooms.failed", () => rooms.refreshAll());
    await attempt("me.failed", () => parts.refreshMe());
    if (connection !== connections) return;
    void attempt("transfers.failed", () => transfers.refresh());
    outbox.start();
    for (const { id, last_seq: lastSeq } of heads) {
      await attempt("sync.failed", () => inbox.catchUp(id, lastSeq));
    }
    await meetRoommates();
    parts.receipts.catchUp();
    parts.healer.touch();
    await attempt("prekeys.failed", () => parts.prekeys.maintain());
  };

  /** @param {ServerFrames["message.new"]} frame */
  const received = async ({ room, message }) => {
    if (rooms.get(room) === undefined) await rooms.refresh(room);
    inbox.receive(room, message);
  };

  /** @param {ServerFrames["watermark"]} frame */
  const marked = async ({ room: id, user, delivered_seq: delivered, read_seq: read }) => {
    const room = rooms.get(id);
    if (room === undefined) return;
    if (user === core.own.user) {
      const told = {
        delivered: Math.max(room.told.delivered, delivered),
        read: Math.max(room.told.read, read),
      };
      await rooms.patch(id, { told, readSeq: Math.max(room.readSeq, read) });
      return;
    }
    const { peerDelivered, peerRead } = room;
    const next = {
      peerDelivered: Math.max(peerDelivered, delivered),
      peerRead: Math.max(peerRead, read),
    };
    await rooms.patch(id, next);
    const before = Math.min(peerRead, peerDelivered);
    const upTo = Math.max(next.peerDelivered, next.peerRead);
    const page = { room: id, after: before, before: upTo + 1, limit: MARKED_ROWS, newest: true };
    const now = rooms.get(id);
    if (now === undefined) return;
    const rows = await Promise.all(
      (await readPage(core.db, page)).map(async (stored) =>
        toMessageRow(core, now, stored, await openRow(core, stored)),
      ),
    );
    parts.onRows(
      id,
      rows.filter(({ mine }) => mine),
    );
  };

  /** @param {ServerFrames["devices.changed"]} frame */
  const devicesChanged = async ({ user }) => {
    trust.markStale(user);
    if (trust.get(user) !== undefined) await trust.refresh(user);
  };

  /** Somebody who accepts what was sent to their address becomes a contact. */
  const contactChanged = () => Promise.all([people.refresh(), transfers.touch()]);

  const refill = async () => {
    await core.clock.sleep(core.random() * REFILL_SPREAD_MS);
    await parts.prekeys.maintain();
  };

  /** @param {ServerFrame} frame @returns {Promise<unknown> | void} */
  const handle = (frame) => {
    switch (frame.type) {
      case "authenticated":
        return connected(frame);
      case "message.new":
        return received(frame);
      case "watermark":
        return marked(frame);
      case "typing":
        if (frame.user !== core.own.user) parts.typing.hear(frame.room, frame.on);
        return undefined;
      case "presence":
        people.setPresence(frame.user, { status: frame.status, lastSeenMs: frame.last_seen_ms });
        return undefined;
      case "contact.changed":
        return contactChanged();
      case "transfer.new":
        return transfers.arrived(frame.transfer);
      case "transfer.changed":
        return transfers.touch();
      case "profile.changed":
        return frame.user === core.own.user ? parts.refreshMe() : people.refreshPerson(frame.user);
      case "room.updated":
        return roomUpdated(frame.room);
      case "room.removed":
        return rooms.drop(frame.room);
      case "devices.changed":
        return devicesChanged(frame);
      case "prekeys.low":
        return refill();
      case "session.revoked":
        parts.onRevoked(REASONS.find((reason) => reason === frame.reason) ?? "revoked");
        return undefined;
      case "pong":
        parts.setServerMs(frame.server_ms);
        return undefined;
      default:
        return undefined;
    }
  };

  return Object.freeze({
    /** @param {ServerFrame} frame */
    frame: (frame) => void attempt(`${frame.type}.failed`, async () => handle(frame)),
    disconnected() {
      connections += 1;
      outbox.stop();
      people.forgetPresence();
    },
  });
}
