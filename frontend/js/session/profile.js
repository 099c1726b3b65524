/**
 * The engine of an enrolled device: its parts, put together and wired.
 *
 *     socket ─frames─▶ dispatch ─▶ inbox ─▶ rows, rooms ─▶ slices ─▶ page
 *     page ─calls─▶ outbox ─▶ envelope, sessions ─▶ socket
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { signFileGrant } from "../crypto/file-grant.js";
import * as bodies from "../protocol/bodies.js";
import { FRAME_BYTES } from "../protocol/limits.js";
import { createFileCalls } from "../net/files.js";
import { createSocket } from "../net/socket.js";
import { readRow } from "../storage/messages.js";
import { createAccepted } from "./accepted.js";
import { shareTrust, heartbeat } from "./control.js";
import { createDispatch } from "./dispatch.js";
import { createDownloads } from "./downloads.js";
import { createGossip } from "./gossip.js";
import { createHealer } from "./healer.js";
import { createInbox } from "./inbox.js";
import { profileOf, saveRecord } from "./local-account.js";
import { createMutex } from "./mutex.js";
import { createOutbox } from "./outbox.js";
import { createOwnPreKeys } from "./own-prekeys.js";
import { createPeople } from "./people.js";
import { createReceipts } from "./receipts.js";
import { createRooms } from "./rooms.js";
import { openRow, storeNotice, toMessageRow } from "./rows.js";
import { createSealedFiles } from "./sealed-files.js";
import { createSecurity } from "./security.js";
import { createSessions, peerName } from "./sessions.js";
import { createShelf } from "./shelf.js";
import { createSlices } from "./slices.js";
import { createTransfers } from "./transfers.js";
import { createTrust } from "./trust.js";
import { createTyping } from "./typing.js";
import { createUploads } from "./uploads.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Api } from "../net/api.js" */
/** @import { Environment as SocketEnvironment } from "../net/socket.js" */
/** @import { SendBody } from "../protocol/frames.js" */
/** @import { Database } from "../storage/db.js" */
/** @import { Scratch } from "../storage/scratch.js" */
/** @import { LocalAccount } from "./local-account.js" */
/** @import { Core, OwnDevice } from "./model.js" */
/** @import { Aftermath } from "./page.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { TrustEvent } from "./trust.js" */
/** @import { Connection, Me, MessageRow, SystemNotice } from "./types.js" */

const TYPED = ["text", "files"];
const EXPIRY_LOOK_MS = 15_000;
const HOUSEKEEPING_MS = 6 * 3_600_000; // prekeys are looked at, and the log-in is kept alive

/**
 * @typedef {object} ProfileEnvironment
 * @property {Clock} clock
 * @property {Log} log
 * @property {Database} db
 * @property {Api} api
 * @property {SocketEnvironment} socket
 * @property {StartArgon2} startArgon2
 * @property {Scratch} scratch
 * @property {Core["emit"]} emit
 * @property {(reason: "logged_out" | "revoked" | "device_removed" | "password_changed" | "expired") => void} onSignedOut
 */

/** @typedef {Awaited<ReturnType<typeof openProfile>>} Profile */

/**
 * @param {ProfileEnvironment} environment
 * @param {LocalAccount} local
 * @param {OwnDevice} own
 */
export async function openProfile(environment, local, own) {
  const { log, db, api, emit } = environment;
  const life = new AbortController();
  const clock = clockOf(environment.clock, life.signal);
  let serverOffsetMs = 0;
  /** @type {Connection} */
  let connection = { status: "connecting", retryAtMs: null };
  /** @type {Set<string>} tabs whose page is looked at */
  const active = new Set();

  /** @type {Core} */
  const core = {
    clock,
    log,
    db,
    api,
    own,
    emit,
    vault: local.vault,
    account: local.record,
    mutex: createMutex(),
    serverNowMs: () => clock.nowMs() + serverOffsetMs,
    nameOf: (user) => people.person(user).displayName,
    statusOf: ({ file_id: file, size, verdict }) =>
      transfers.status(file) ??
      (shelf.isVerified(file)
        ? { state: "intact", doneBytes: size, failure: null }
        : { state: verdict ?? "here", doneBytes: 0, failure: null }),
    random: environment.socket.random,
  };

  /**
   * @param {string} room
   * @param {MessageRow[]} rows
   * @param {string[]} [removed]
   */
  const onRows = (room, rows, removed = []) => {
    if (rows.length + removed.length > 0) emit("messages", { room, rows, removed });
    slices.room(room);
  };

  /** @param {string} key of a row that is to be shown anew */
  const tellRow = async (key) => {
    if (life.signal.aborted) return;
    const stored = await readRow(db, key);
    const room = stored && rooms.get(stored.room);
    if (stored === undefined || room === undefined) return;
    onRows(room.id, [toMessageRow(core, room, stored, await openRow(core, stored))]);
  };

  /**
   * A sentence of ours at the end of the conversation with a person, if there is one.
   * @param {string} user
   * @param {SystemNotice} notice
   */
  const tellInRoom = (user, notice) =>
    core.mutex.run(async () => {
      const room = rooms.withPeer(user);
      if (room === undefined) return;
      const { stored, record, change } = await storeNotice(core, room, {
        after: room.cursor,
        notice,
      });
      await db.commit([change]);
      onRows(room.id, [toMessageRow(core, room, stored, record)]);
    });

  /** @param {readonly string[]} peers */
  const dropSessions = (peers) =>
    core.mutex.run(async () => {
      for (const peer of peers) await db.commit(await sessions.dropPeer(peer));
    });

  /** @param {TrustEvent} event */
  const onTrust = async (event) => {
    const { user } = event;
    const isOwn = user === own.user;
    if (event.kind === "removed-device") await dropSessions([peerName(user, event.device)]);
    if (event.kind === "new-device" && isOwn) {
      emit("notice", { kind: "info", text: "notice.own-device", params: {} });
      await shareWithOwn(trust.statements().filter(({ verified }) => verified));
    }
    if (event.kind === "new-device" && !isOwn) await tellInRoom(user, "new-device");
    if (event.kind === "list-refused") await tellInRoom(user, "hidden-devices");
    if (event.kind === "identity-changed") {
      await outbox.holdBack(user);
      await tellInRoom(user, "identity-changed");
    }
    slices.people();
  };

  /**
   * Tell own other devices which numbers were compared, in the room with the person it is about.
   * @param {ReturnType<typeof trust.statements>} statements
   */
  const shareWithOwn = async (statements) => {
    const pin = await trust.ensure(own.user);
    const others = [...pin.trusted.devices.keys()].filter((device) => device !== own.device);
    if (others.length === 0) return;
    const peers = others.map((device) => peerName(own.user, device));
    for (const statement of statements) {
      const room = rooms.withPeer(statement.user);
      if (room !== undefined) await outbox.tell(room.id, shareTrust(peers, [statement]));
    }
  };

  /**
   * @param {string} room
   * @param {Aftermath} aftermath
   */
  const onPage = async (room, aftermath) => {
    onRows(room, aftermath.rows, aftermath.removed);
    if (aftermath.rows.some(({ kind, mine }) => !mine && TYPED.includes(kind)))
      typing.hear(room, false);
    for (const { key, ...acceptance } of aftermath.settled) await outbox.seen(key, acceptance);
    receipts.touch(room);
    if (aftermath.wantsRetry) healer.touch();
    if (aftermath.needsHeartbeat) await outbox.tell(room, heartbeat());
    for (const request of aftermath.retries) await healer.answer(room, request);
    if (aftermath.trust.length > 0) {
      const said = aftermath.trust.map(({ user, account_key: accountKey, verified }) => {
        return { user, accountKey, verified };
      });
      await trust.adopt(said);
      slices.people();
    }
    for (const said of aftermath.gossip) {
      await gossip.hear(said).catch((error) => log.warn("gossip.failed", { error }));
    }
  };

  /**
   * @param {string} room
   * @param {SendBody} body
   */
  const transport = async (room, body) => {
    // Every character of it is ASCII, so characters are bytes.
    if (JSON.stringify(body).length > FRAME_BYTES - 256) {
      return api.call("POST", `/api/rooms/${room}/messages`, bodies.sendAnswer, body);
    }
    const answer = await socket.request({ type: "message.send", room, ...body });
    if (answer.type !== "message.accepted") throw new AppError("bad_answer", "not an acceptance");
    return answer;
  };

  /**
   * @param {string} room
   * @param {number} after
   * @param {number} limit
   */
  const sync = async (room, after, limit) => {
    const answer = await socket.request({ type: "sync", room, after, limit });
    if (answer.type !== "synced" || answer.room !== room) throw new AppError("bad_answer", "sync");
    return answer;
  };

  const trust = createTrust(core, onTrust);
  const sessions = createSessions(core);
  const people = createPeople(core, trust, () => slices.people());
  const typing = createTyping(clock, {
    send: (frame) => socket.send(frame),
    onChange: (room) => slices.room(room),
  });
  const rooms = createRooms(core, {
    onChange: (id) => slices.room(id),
    onRemoved(id) {
      uploads.stop(id);
      downloads.stop(id);
      shelf.forgetRoom(id);
      outbox.forgetRoom(id);
      inbox.forget(id);
      slices.room(id);
    },
    onKept: ({ peer }) => tellInRoom(peer, "kept"),
  });
  const slices = createSlices(core, {
    rooms: () => rooms,
    people: () => people,
    isTyping: typing.isTyping,
  });
  const accepted = createAccepted(core);
  const outbox = createOutbox(core, {
    trust,
    sessions,
    rooms,
    accepted,
    transport,
    onRows,
    onAccepted(room) {
      const record = rooms.get(room);
      if (record !== undefined) void inbox.catchUp(room, record.lastSeq);
    },
  });
  const inbox = createInbox(core, { trust, sessions, rooms, sync, onPage });
  const receipts = createReceipts(core, { rooms, send: (frame) => socket.send(frame) });
  const healer = createHealer(core, { rooms, outbox, trust, accepted, onRows });
  const gossip = createGossip(core, {
    trust,
    onHidden: (user) => tellInRoom(user, "hidden-devices"),
  });
  const shelf = createShelf(core, {
    isNeeded: (file) => outbox.held().some(({ files }) => files?.some((f) => f.file_id === file)),
  });
  const transfers = createTransfers(core, { isOnline: () => connection.status === "online" });
  const calls = createFileCalls(api, {
    sign: async (file, use, issuedMs) => {
      const fileId = fromBase64url(file, 16);
      return toBase64url(await signFileGrant(own, { fileId, use, issuedMs }));
    },
    nowMs: core.serverNowMs,
  });
  const uploads = createUploads(core, { outbox, calls, shelf, transfers, tellRow });
  const { scratch } = environment;
  const downloads = createDownloads(core, { calls, shelf, transfers, scratch, tellRow });
  const prekeys = createOwnPreKeys(core);
  const security = createSecurity(core, {
    local,
    trust,
    startArgon2: environment.startArgon2,
  });
  const files = createSealedFiles(core, {
    trust,
    people,
    startArgon2: environment.startArgon2,
    scratch,
  });

  const sendPresence = () =>
    socket.send({ type: "presence", status: active.size > 0 ? "online" : "away" });

  const me = () => {
    const { email, displayName, friendCode, role, preferences, passwordOpensBackup } = core.account;
    const who = { id: own.user, email, displayName, friendCode, role };
    return /** @type {Me} */ ({ ...who, preferences, passwordOpensBackup });
  };
  /** @param {bodies.Me} answer */
  const keepMe = async (answer) => {
    await saveRecord(db, local, profileOf(answer));
    emit("me", me());
  };

  const dispatch = createDispatch(core, {
    rooms,
    people,
    trust,
    inbox,
    outbox,
    sessions,
    receipts,
    healer,
    prekeys,
    typing,
    accepted,
    onRows,
    setServerMs(serverMs) {
      serverOffsetMs = serverMs - clock.nowMs();
    },
    sendPresence,
    refreshMe: async () => keepMe(await api.call("GET", "/api/users/me", bodies.me)),
    onRevoked: environment.onSignedOut,
  });

  const socket = createSocket(environment.socket, {
    token: async (force) => (force ? (await api.refresh()).access_token : api.token()),
    deviceId: () => own.device,
    onFrame: dispatch.frame,
    onConnection(next) {
      connection = next;
      if (next.status === "online") transfers.wake();
      else dispatch.disconnected();
      emit("connection", connection);
    },
    onEnded: () => environment.onSignedOut("expired"),
  });

  const watchExpiry = async () => {
    while (!life.signal.aborted) {
      for (const { id, expiresMs } of rooms.all()) {
        if (expiresMs <= core.serverNowMs()) await rooms.drop(id);
      }
      await clock.sleep(EXPIRY_LOOK_MS, life.signal).catch(() => {});
    }
  };
  const keepHouse = async () => {
    while (!life.signal.aborted) {
      await clock.sleep(HOUSEKEEPING_MS, life.signal).catch(() => {});
      if (life.signal.aborted) return;
      await api
        .refresh()
        .then(() => prekeys.maintain())
        .catch((error) => log.warn("housekeeping.failed", { error }));
    }
  };

  await trust.load();
  await Promise.all([people.load(), rooms.load(), accepted.load()]);
  await outbox.load();
  await shelf.load((room) => rooms.get(room) !== undefined);
  await scratch.sweep();

  return Object.freeze({
    core,
    rooms,
    people,
    trust,
    outbox,
    inbox,
    receipts,
    typing,
    security,
    files,
    uploads,
    downloads,
    prekeys,
    dropSessions,
    peopleChanged: () => slices.people(),
    shareWithOwn,
    keepMe,
    emitMe: () => emit("me", me()),
    start() {
      socket.start();
      uploads.work();
      void watchExpiry();
      void keepHouse();
    },
    stop() {
      life.abort();
      uploads.stop();
      downloads.stop();
      slices.stop();
      outbox.stop();
      socket.stop();
    },
    wake: () => socket.wake(),
    lost: () => socket.lost(),
    async emitAll() {
      emit("me", me());
      emit("connection", connection);
      await slices.all();
    },
    /**
     * @param {string} tab
     * @param {boolean} on
     */
    setActive(tab, on) {
      const before = active.size > 0;
      if (on) active.add(tab);
      else active.delete(tab);
      if (before !== active.size > 0) sendPresence();
      if (on) socket.wake();
    },
  });
}

/**
 * A clock that stops with the profile: whoever sleeps then never wakes, and touches nothing of the next.
 * @param {Clock} clock
 * @param {AbortSignal} life
 * @returns {Clock}
 */
function clockOf(clock, life) {
  return {
    nowMs: clock.nowMs,
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const ends = signal === undefined ? [life] : [life, signal];
        const guard = (/** @type {() => void} */ settle) => (life.aborted ? undefined : settle());
        clock.sleep(delayMs, AbortSignal.any(ends)).then(
          () => guard(resolve),
          (error) => guard(() => reject(error)),
        );
      }),
  };
}
