/**
 * The engine of an enrolled device: its parts, put together and wired.
 *
 *     socket ─frames─▶ dispatch ─▶ inbox ─▶ rows, rooms ─▶ slices ─▶ page
 *     page ─calls─▶ outbox ─▶ envelope, sessions ─▶ socket
 */

import * as bodies from "../protocol/bodies.js";
import { createMessageCalls } from "../net/messages.js";
import { createSocket } from "../net/socket.js";
import { createAccepted } from "./accepted.js";
import { createAftermath } from "./aftermath.js";
import { createDispatch } from "./dispatch.js";
import { createGossip } from "./gossip.js";
import { createHealer } from "./healer.js";
import { keepHouse } from "./housekeeping.js";
import { createInbox } from "./inbox.js";
import { profileOf, saveRecord } from "./local-account.js";
import { createMutex } from "./mutex.js";
import { createOutbox } from "./outbox.js";
import { createOwnPreKeys } from "./own-prekeys.js";
import { createPeople } from "./people.js";
import { createProfileFiles } from "./profile-files.js";
import { createReceipts } from "./receipts.js";
import { createRooms } from "./rooms.js";
import { createSecurity } from "./security.js";
import { createSessions } from "./sessions.js";
import { createSlices } from "./slices.js";
import { createTimeline } from "./timeline.js";
import { createTrustChanges } from "./trust-changes.js";
import { createTrust } from "./trust.js";
import { createTyping } from "./typing.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Api } from "../net/api.js" */
/** @import { Environment as SocketEnvironment } from "../net/socket.js" */
/** @import { Database } from "../storage/db.js" */
/** @import { Scratch } from "../storage/scratch.js" */
/** @import { LocalAccount } from "./local-account.js" */
/** @import { Core, OwnDevice } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { Connection, Me } from "./types.js" */

/**
 * @typedef {object} ProfileEnvironment
 * @property {Clock} clock
 * @property {Log} log
 * @property {Database} db
 * @property {Api} api
 * @property {SocketEnvironment} socket
 * @property {StartArgon2} startArgon2
 * @property {Scratch} scratch
 * @property {number} keptBytes of files, beside those that are needed
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
    statusOf: (file) => files.statusOf(file),
    random: environment.socket.random,
  };

  const messages = createMessageCalls(api, (frame) => socket.request(frame));
  const trust = createTrust(core, (event) => trustChanges.hear(event));
  const sessions = createSessions(core);
  const onPeople = () => slices.people();
  const people = createPeople(core, trust, onPeople);
  const typing = createTyping(clock, {
    send: (frame) => socket.send(frame),
    onChange: (room) => slices.room(room),
  });
  const timeline = createTimeline(core, {
    rooms: () => rooms,
    life: life.signal,
    onChange: (room) => slices.room(room),
  });
  const rooms = createRooms(core, {
    onChange: (id) => slices.room(id),
    onRemoved(id) {
      files.forgetRoom(id);
      outbox.forgetRoom(id);
      inbox.forget(id);
      slices.room(id);
    },
    onKept: ({ peer }) => timeline.say(peer, "kept"),
  });
  const slices = createSlices(core, {
    rooms: () => rooms,
    people: () => people,
    transfers: () => files.transfers,
    isTyping: typing.isTyping,
  });
  const accepted = createAccepted(core);
  const outbox = createOutbox(core, {
    trust,
    sessions,
    rooms,
    accepted,
    transport: messages.send,
    onRows: timeline.show,
    onAccepted(room) {
      const record = rooms.get(room);
      if (record !== undefined) void inbox.catchUp(room, record.lastSeq);
    },
  });
  const inbox = createInbox(core, {
    trust,
    sessions,
    rooms,
    sync: messages.sync,
    onPage: (room, page) => aftermath.carryOut(room, page),
  });
  const receipts = createReceipts(core, { rooms, send: (frame) => socket.send(frame) });
  const healer = createHealer(core, { rooms, outbox, trust, accepted, onRows: timeline.show });
  const gossip = createGossip(core, {
    trust,
    onHidden: (user) => timeline.say(user, "hidden-devices"),
  });
  const trustChanges = createTrustChanges(core, {
    trust,
    sessions,
    rooms,
    outbox,
    timeline,
    onPeople,
  });
  const aftermath = createAftermath(core, {
    timeline,
    typing,
    outbox,
    receipts,
    healer,
    trust,
    gossip,
    onPeople,
  });
  const prekeys = createOwnPreKeys(core);
  const { startArgon2, scratch, keptBytes } = environment;
  const security = createSecurity(core, { local, trust, startArgon2 });
  const files = createProfileFiles(core, {
    outbox,
    people,
    trust,
    scratch,
    keptBytes,
    startArgon2,
    isOnline: () => connection.status === "online",
    life: life.signal,
    tellRow: timeline.showAgain,
    onTransfers: () => slices.transfers(),
  });

  const sendPresence = () =>
    socket.send({ type: "presence", status: active.size > 0 ? "online" : "away" });

  const me = () => {
    const { email, displayName, friendCode, role, preferences, passwordOpensBackup } = core.account;
    const who = { id: own.user, email, displayName, friendCode, role };
    const terms = core.account.terms ?? null;
    return /** @type {Me} */ ({ ...who, preferences, passwordOpensBackup, terms });
  };
  /** @param {bodies.OwnAccount} answer */
  const keepMe = async (answer) => {
    const { file_bytes: fileBytes, links } = answer.server;
    await saveRecord(db, local, { ...profileOf(answer), terms: { fileBytes, links } });
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
    transfers: files.transfers,
    onRows: timeline.show,
    setServerMs(serverMs) {
      serverOffsetMs = serverMs - clock.nowMs();
    },
    sendPresence,
    refreshMe: async () => keepMe(await api.call("GET", "/api/users/me", bodies.ownAccount)),
    onRevoked: environment.onSignedOut,
  });

  const socket = createSocket(environment.socket, {
    token: async (force) => (force ? (await api.refresh()).access_token : api.token()),
    deviceId: () => own.device,
    onFrame: dispatch.frame,
    onConnection(next) {
      connection = next;
      if (next.status === "online") files.wake();
      else dispatch.disconnected();
      emit("connection", connection);
    },
    onEnded: () => environment.onSignedOut("expired"),
  });

  await trust.load();
  await Promise.all([people.load(), rooms.load(), accepted.load()]);
  await outbox.load();
  await files.load((room) => rooms.get(room) !== undefined);

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
    prekeys,
    dropSessions: trustChanges.dropSessions,
    peopleChanged: onPeople,
    shareWithOwn: trustChanges.shareWithOwn,
    keepMe,
    emitMe: () => emit("me", me()),
    start() {
      socket.start();
      files.work();
      keepHouse(core, { rooms, transfers: files.transfers, prekeys, life: life.signal });
    },
    stop() {
      life.abort();
      files.stop();
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
