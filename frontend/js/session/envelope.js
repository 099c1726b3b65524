/**
 * Sealing a message: once the payload, then a capsule for each device that has none yet.
 *
 * The same function completes a message that the server refused as `stale_devices`: what is there stays
 * byte for byte, capsules of devices that are gone are taken out, missing ones added (SEAL1 §4.3).
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { emptyCapsule } from "../crypto/capsule.js";
import { digestDeviceLists } from "../crypto/content.js";
import { sealPayload } from "../crypto/payload.js";
import { claimBundles } from "./bundles.js";
import { peerName } from "./sessions.js";

/** @import { Capsule, Content, ContentKey, PayloadContext } from "../crypto/types.js" */
/** @import { SendBody } from "../protocol/frames.js" */
/** @import { Control, Core, OutboxRecord, RoomRecord, SealedMessage } from "./model.js" */
/** @import { PeerDevice, PreKeyBundle, Sessions, Work } from "./sessions.js" */
/** @import { Identity } from "./directory.js" */
/** @import { Trust } from "./trust.js" */

/**
 * Who a message in a room goes to, verified.
 * @typedef {object} Recipients
 * @property {PeerDevice[]} peers every active device of both people but this one
 * @property {Record<string, number>} deviceLists
 * @property {Record<string, string>} identities user → AIK
 * @property {{ own: [number, string], peers: string }} gossip `dl` of the content
 * @property {Map<string, PreKeyBundle>} bundles for those that a session has to begin with
 */

/**
 * Find out who gets a message; asks the server for what is unknown or stale.
 *
 * Throws: AppError "identity_changed", "offline", or the refusal of a list.
 * @param {Core} core
 * @param {{ trust: Trust, sessions: Sessions }} parts
 * @param {RoomRecord} room
 * @param {OutboxRecord} entry
 * @returns {Promise<Recipients>}
 */
export async function findRecipients(core, { trust, sessions }, room, entry) {
  const own = await settledIdentity(trust, core.own.user);
  const peer = await settledIdentity(trust, room.peer);
  const peers = [
    ...devicesOf(core.own.user, own).filter(({ device }) => device !== core.own.device),
    ...devicesOf(room.peer, peer),
  ];
  const work = sessions.begin();
  const needy = [];
  for (const target of missing(peers, entry.sealed)) {
    const name = peerName(target.user, target.device);
    const isReset = entry.control?.kind === "reset" && entry.control.targets.includes(name);
    if (isReset || !(await work.canSeal(name))) needy.push(target);
  }
  const peerId = fromBase64url(room.peer, 16);
  const { version, hash } = peer.list;
  const digest = await digestDeviceLists([{ userId: peerId, version, hash }]);
  return {
    peers,
    deviceLists: { [core.own.user]: own.list.version, [room.peer]: version },
    identities: {
      [core.own.user]: own.record.accountKey,
      [room.peer]: peer.record.accountKey,
    },
    gossip: { own: [own.list.version, toBase64url(own.list.hash)], peers: toBase64url(digest) },
    bundles: await claimBundles(core, needy),
  };
}

/**
 * Seal the payload of an entry.
 * @param {Core} core
 * @param {RoomRecord} room
 * @param {OutboxRecord} entry
 * @param {Recipients} recipients
 * @returns {Promise<SealedMessage>} without capsules
 */
export async function sealContent(core, room, entry, { identities, gossip }) {
  const { text } = entry;
  const isCounted = text !== null;
  const count = isCounted ? { sseq: room.sseq + 1 } : {};
  const prev = isCounted && room.prev !== null ? { prev: room.prev } : {};
  /** @type {Content} */
  const content = { ...bodyOf(entry), ...count, ...prev, exp: room.expiresMs, dl: gossip };
  const sealed = await sealPayload(contextOf(core, room, entry.msgId), content);
  return {
    payload: toBase64url(sealed.payload),
    c2: toBase64url(sealed.commitment),
    contentKey: toBase64url(sealed.contentKey),
    payloadHash: toBase64url(sealed.payloadHash),
    sentAtMs: core.serverNowMs(),
    capsules: [],
    deviceLists: {},
    identities,
    sseq: isCounted ? room.sseq + 1 : 0,
    prev: room.prev,
  };
}

/**
 * @param {OutboxRecord} entry
 * @returns {Content}
 */
function bodyOf({ text, files, control }) {
  if (text === null) return { t: "control", ...control?.content };
  if (files === null) return { t: "text", body: text };
  // What was found out about a file here is nobody else's business.
  return { t: "files", body: text, files: files.map(({ verdict: _, ...record }) => record) };
}

/**
 * Give every recipient a capsule, and nobody else.
 *
 * Throws: AppError "identity_changed" when a person is another one than the message was sealed for.
 * @param {Work} work
 * @param {OutboxRecord} entry
 * @param {SealedMessage} sealed
 * @param {Recipients} recipients
 * @returns {Promise<SealedMessage>}
 */
export async function completeCapsules(work, entry, sealed, recipients) {
  const { peers, identities, bundles, deviceLists } = recipients;
  const isSame = Object.entries(identities).every(
    ([user, accountKey]) => sealed.identities[user] === accountKey,
  );
  if (!isSame) throw new AppError("identity_changed");
  const kept = sealed.capsules.filter((capsule) =>
    peers.some(({ user, device }) => user === capsule.user && device === capsule.device),
  );
  const added = [];
  for (const peer of missing(peers, sealed)) {
    const name = peerName(peer.user, peer.device);
    const bundle = bundles.get(name) ?? null;
    // A device without usable prekeys is skipped; the server decides whether it may be.
    if (bundle === null && !(await work.canSeal(name))) continue;
    added.push(await work.seal(peer, capsuleFor(entry, sealed, name), bundle));
  }
  return { ...sealed, capsules: [...kept, ...added], deviceLists };
}

/**
 * @param {RoomRecord} room
 * @param {OutboxRecord} entry
 * @param {SealedMessage} sealed
 * @returns {SendBody}
 */
export function sendBody(room, { msgId }, { payload, c2, capsules, deviceLists }) {
  return {
    msg_id: msgId,
    epoch: 0,
    roster_hash: room.id,
    c2,
    payload,
    capsules,
    device_lists: deviceLists,
  };
}

/**
 * Where a message of this device belongs; a two-person room has epoch 0 and itself as roster.
 * @param {Core} core
 * @param {Pick<RoomRecord, "id">} room
 * @param {string} msgId
 * @returns {PayloadContext}
 */
export function contextOf({ own }, { id }, msgId) {
  const roomId = fromBase64url(id, 32);
  const ids = { msgId: fromBase64url(msgId, 16), senderUser: own.userId };
  return { roomId, epoch: 0, rosterHash: roomId, ...ids, senderDevice: own.deviceId };
}

/**
 * @param {Trust} trust
 * @param {string} user
 */
async function settledIdentity(trust, user) {
  const { trusted, candidate } = await trust.ensure(user);
  if (candidate !== null) throw new AppError("identity_changed");
  return trusted;
}

/**
 * @param {string} user
 * @param {Identity} identity
 * @returns {PeerDevice[]}
 */
function devicesOf(user, { devices }) {
  return [...devices].map(([device, certificate]) => ({ user, device, certificate }));
}

/**
 * @param {readonly PeerDevice[]} peers
 * @param {SealedMessage | null} sealed
 */
function missing(peers, sealed) {
  const has = (/** @type {PeerDevice} */ { user, device }) =>
    sealed?.capsules.some((capsule) => capsule.user === user && capsule.device === device) ?? false;
  return peers.filter((peer) => !has(peer));
}

/**
 * @param {OutboxRecord} entry
 * @param {SealedMessage} sealed
 * @param {string} name
 * @returns {Capsule}
 */
function capsuleFor({ control, msgId }, sealed, name) {
  const id = fromBase64url(msgId, 16);
  if (!isAddressed(control, name)) return emptyCapsule("heartbeat", id, sealed.sentAtMs);
  return {
    kind: control?.kind ?? "message",
    contentKey: /** @type {ContentKey} */ (fromBase64url(sealed.contentKey, 32)),
    payloadHash: fromBase64url(sealed.payloadHash, 32),
    msgId: id,
    sentAtMs: sealed.sentAtMs,
  };
}

/**
 * @param {Control | null} control
 * @param {string} name
 */
function isAddressed(control, name) {
  return control === null || control.targets.includes(name);
}
