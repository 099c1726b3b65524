/** What the page can ask of an engine with an enrolled device, one entry for each call of types.js. */

import { AppError } from "../lib/errors.js";
import * as bodies from "../protocol/bodies.js";
import { MESSAGE_CHARS } from "../protocol/limits.js";
import { readPage } from "../storage/messages.js";
import { openRow, toMessageRow } from "./rows.js";
import { peerName } from "./sessions.js";
import { blockOf } from "./slices.js";

/** @import { RoomRecord } from "./model.js" */
/** @import { Profile } from "./profile.js" */
/** @import { EngineCalls, MessagePage } from "./types.js" */

const PAGE_ROWS = 50;
const MAX_PAGE_ROWS = 200;
const JUST_BEFORE = 0.001; // orders are whole numbers and halves; nothing stands in between

/** @typedef {{ tab: string, msgId: string }} CallContext drawn by the tab that asks */
/**
 * @template {keyof EngineCalls} N
 * @typedef {(profile: Profile, argument: EngineCalls[N][0], context: CallContext) => Promise<EngineCalls[N][1]>} Handler
 */
/**
 * @typedef {Exclude<keyof EngineCalls, "boot" | "passwordStrength" | "suggestPassphrase" | "signUp" | "logIn"
 *   | "resendCode" | "submitCode" | "confirmRecovery" | "unlockWithRecovery" | "startNewIdentity"
 *   | "forgotPassword" | "resetPassword" | "logOut">} ProfileCall
 */

/** @type {{ [N in ProfileCall]: Handler<N> }} */
export const CALLS = Object.freeze({
  async setDisplayName({ core, keepMe }, { displayName }) {
    const name = displayName.trim();
    if (name === "") throw new AppError("empty");
    const body = { display_name: name };
    await keepMe(await core.api.call("PATCH", "/api/users/me", bodies.ownAccount, body));
    return {};
  },
  async setPreferences({ core, keepMe }, { readReceipts, presence }) {
    const body = { settings: { read_receipts: readReceipts, presence } };
    await keepMe(await core.api.call("PATCH", "/api/users/me", bodies.ownAccount, body));
    return {};
  },
  async changePassword({ security, emitMe }, form) {
    await security.changePassword(form);
    emitMe();
    return {};
  },
  newRecoveryCode: ({ security }, form) => security.newRecoveryCode(form),
  devices: ({ security }) => security.devices(),
  async removeDevice({ security }, form) {
    await security.removeDevice(form);
    return {};
  },

  addContact: ({ people }, { query }) => people.add(query),
  async acceptContact({ people, rooms }, { user }) {
    await people.accept(user);
    return { room: await rooms.open(user) };
  },
  async removeContact({ people }, { user }) {
    await people.remove(user);
    return {};
  },
  async withdrawInvite({ people }, { email }) {
    await people.withdraw(email);
    return {};
  },
  async block({ people, files }, { user }) {
    await people.setBlocked(user, true);
    await files.transfers.touch();
    return {};
  },
  async unblock({ people, files }, { user }) {
    await people.setBlocked(user, false);
    await files.transfers.touch();
    return {};
  },

  async safetyNumber({ trust }, { user }) {
    const groups = await trust.number(user);
    const identity = trust.stateOf(user);
    return { groups, verified: identity === "verified", identity };
  },
  async setVerified(profile, { user, on }) {
    await settleIdentity(profile, user, () => profile.trust.setVerified(user, on));
    await profile.shareWithOwn(
      profile.trust.statements().filter((statement) => statement.user === user),
    );
    return {};
  },
  async acceptIdentity(profile, { user }) {
    await settleIdentity(profile, user, () => profile.trust.accept(user));
    return {};
  },

  async openDm({ rooms, core }, { user }) {
    const room = rooms.withPeer(user);
    const isLive = room !== undefined && room.expiresMs > core.serverNowMs();
    return { room: isLive ? room.id : await rooms.open(user) };
  },
  messages: (profile, query) => readMessages(profile, query),
  async sendMessage(profile, { room, text }, { msgId }) {
    if (text.trim() === "") throw new AppError("empty");
    requireSendable(profile, room, text);
    return { key: await profile.outbox.write(room, text, msgId) };
  },
  async sendFiles(profile, { room, ...message }, { msgId }) {
    requireSendable(profile, room, message.text);
    return { key: await profile.files.uploads.send(profile.rooms.require(room), message, msgId) };
  },
  async pauseAttachment({ files }, { key, on }) {
    await files.uploads.pause(key, on);
    return {};
  },
  async cancelAttachment({ files: { uploads, downloads } }, wanted) {
    if (!(await uploads.cancel(wanted.key, wanted.index))) await downloads.cancel(wanted);
    return {};
  },
  async fetchAttachment({ files }, wanted) {
    return { file: await files.downloads.fetch(wanted) };
  },
  async retryMessage({ outbox, files }, { key }) {
    await outbox.retry(key);
    files.uploads.work();
    return {};
  },
  async discardMessage({ files }, { key }) {
    await files.uploads.discard(key);
    return {};
  },
  async markRead({ receipts }, { room, seq }) {
    await receipts.read(room, seq);
    return {};
  },
  async setTyping({ typing }, { room, on }) {
    typing.say(room, on);
    return {};
  },
  async saveDraft({ rooms }, { room, text }) {
    await rooms.patch(room, { draft: text });
    return {};
  },
  async keepRoom({ rooms }, { room, on }) {
    await rooms.keep(room, on);
    return {};
  },
  async deleteRoom({ rooms }, { room }) {
    await rooms.leave(room);
    return {};
  },
  sealFile: ({ files }, form) => files.sealed.seal(form),
  openFile: ({ files }, form) => files.sealed.open(form),
  async cancelFile({ files }, { job }) {
    files.sealed.cancel(job);
    return {};
  },
  async releaseFile({ files }, { job }) {
    void files.sealed.release(job);
    return {};
  },
  async sendTransfer({ files }, form, { msgId }) {
    await files.transfers.send(form, msgId);
    return { id: msgId };
  },
  async pauseTransfer({ files }, { id, on }) {
    await files.transfers.pause(id, on);
    return {};
  },
  async retryTransfer({ files }, { id }) {
    await files.transfers.retry(id);
    return {};
  },
  async withdrawTransfer({ files }, { id }) {
    await files.transfers.withdraw(id);
    return {};
  },
  async forgetTransfer({ files }, { id }) {
    await files.transfers.forget(id);
    return {};
  },
  async acceptTransfer({ files }, { id }) {
    await files.transfers.accept(id);
    return {};
  },
  async declineTransfer({ files }, { id }) {
    await files.transfers.decline(id);
    return {};
  },
  async fetchTransfer({ files }, { id, index }) {
    return { file: await files.transfers.fetch(id, index) };
  },
  async cancelFetchTransfer({ files }, { id, index }) {
    await files.transfers.cancelFetch(id, index);
    return {};
  },
  async setActive({ setActive }, { active }, { tab }) {
    setActive(tab, active);
    return {};
  },
});

/**
 * @param {Profile} profile
 * @param {string} room
 * @param {string} text
 */
function requireSendable({ rooms, people }, room, text) {
  if ([...text].length > MESSAGE_CHARS) throw new AppError("too_long");
  const block = blockOf(people.person(rooms.require(room).peer));
  if (block !== null) throw new AppError(block === "identity" ? "identity_changed" : "not_contact");
}

/**
 * Sessions with devices of an identity that is no longer the trusted one are dropped, and what waited for
 * somebody to decide goes on.
 * @param {Profile} profile
 * @param {string} user
 * @param {() => Promise<void>} settle
 */
async function settleIdentity(profile, user, settle) {
  const { trust, files, dropSessions, peopleChanged } = profile;
  const before = [...(trust.get(user)?.trusted.devices.keys() ?? [])];
  await settle();
  const after = trust.get(user)?.trusted.devices;
  const gone = before.filter((device) => after?.has(device) !== true);
  await dropSessions(gone.map((device) => peerName(user, device)));
  peopleChanged();
  void files.transfers.serve();
}

/**
 * @param {Profile} profile
 * @param {EngineCalls["messages"][0]} query
 * @returns {Promise<MessagePage>}
 */
async function readMessages(
  { core, rooms },
  { room: id, before, after, around, limit = PAGE_ROWS },
) {
  const room = rooms.require(id);
  const rows = Math.min(Math.max(1, limit), MAX_PAGE_ROWS);
  if (around !== undefined) {
    const half = Math.ceil(rows / 2);
    const older = await read(core, room, { before: around, limit: half, newest: true });
    const from = around - JUST_BEFORE;
    const newer = await read(core, room, { after: from, limit: half, newest: false });
    return {
      rows: [...older.rows, ...newer.rows],
      hasOlder: older.hasMore,
      hasNewer: newer.hasMore,
    };
  }
  if (after !== undefined) {
    const page = await read(core, room, { after, limit: rows, newest: false });
    // No row stands below zero, so whoever asks from there sees the first one.
    return { rows: page.rows, hasOlder: after >= 0, hasNewer: page.hasMore };
  }
  const bound = before === undefined ? {} : { before };
  const page = await read(core, room, { ...bound, limit: rows, newest: true });
  return { rows: page.rows, hasOlder: page.hasMore, hasNewer: before !== undefined };
}

/**
 * @param {Profile["core"]} core
 * @param {RoomRecord} room
 * @param {{ before?: number, after?: number, limit: number, newest: boolean }} page
 */
async function read(core, room, { limit, ...page }) {
  const found = await readPage(core.db, { room: room.id, ...page, limit: limit + 1 });
  const hasMore = found.length > limit;
  const kept = page.newest ? found.slice(-limit) : found.slice(0, limit);
  const rows = await Promise.all(
    kept.map(async (stored) => toMessageRow(core, room, stored, await openRow(core, stored))),
  );
  return { rows, hasMore };
}
