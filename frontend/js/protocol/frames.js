/**
 * WebSocket frames as the browser sees them, mirror of protocol/frames.py: what the server sends is
 * checked here, what we send is typed here.
 *
 * A message inside a frame is checked on its own (`parseMessage`), because a malformed one becomes a row
 * that says so, and must not stop the ones beside it.
 */

import { AppError } from "../lib/errors.js";
import { hash, id16, point, roomId } from "./fields.js";
import { CAPSULE_BYTES, PAYLOAD_BYTES, SYNC_PAGE } from "./limits.js";
import {
  anything,
  base64UpTo,
  count,
  flag,
  list,
  millis,
  nullable,
  object,
  oneOf,
  optional,
  text,
} from "./shape.js";

/** @import { Of } from "./shape.js" */

const sealed = base64UpTo(CAPSULE_BYTES);
const presenceStatus = oneOf("online", "away", "offline");

const pre = object({
  suite: count,
  ek: point,
  spk_id: count,
  opk_id: nullable(count),
  cert_hash: hash,
});
const capsule = object({ sid: id16, pre: optional(pre), header: sealed, ciphertext: sealed });

export const message = object({
  seq: count,
  msg_id: id16,
  sender: id16,
  sender_device: id16,
  epoch: count,
  roster_hash: hash,
  payload: base64UpTo(PAYLOAD_BYTES),
  c2: hash,
  capsule: nullable(capsule),
  frank: hash,
  server_ms: millis,
  deleted: flag,
});
const numbered = object({ seq: count });

/** Shape of the head of `error` in frames and bodies. */
export const refusal = object({
  code: text(64),
  request_id: optional(text(128)),
  retry_after_ms: optional(count),
  users: optional(list(id16)),
});

const FRAMES = Object.freeze({
  authenticated: object({
    user_id: id16,
    device_id: id16,
    server_ms: millis,
    rooms: list(object({ id: roomId, last_seq: count })),
    presence: list(object({ user: id16, status: presenceStatus, last_seen_ms: nullable(millis) })),
  }),
  "message.accepted": object({
    id: count,
    room: roomId,
    msg_id: id16,
    seq: count,
    server_ms: millis,
    frank: hash,
  }),
  "message.new": object({ room: roomId, message: anything }),
  synced: object({
    id: count,
    room: roomId,
    messages: list(anything, SYNC_PAGE),
    has_more: flag,
    last_seq: count,
  }),
  watermark: object({ room: roomId, user: id16, delivered_seq: count, read_seq: count }),
  typing: object({ room: roomId, user: id16, on: flag }),
  presence: object({ user: id16, status: presenceStatus, last_seen_ms: nullable(millis) }),
  "contact.changed": object({ user: id16, state: text(16) }),
  "profile.changed": object({ user: id16 }),
  "transfer.new": object({ transfer: id16, user: id16 }),
  "transfer.changed": object({ transfer: id16 }),
  "room.updated": object({ room: roomId }),
  "room.removed": object({ room: roomId }),
  "devices.changed": object({ user: id16, version: count }),
  "prekeys.low": object({ opk: count }),
  "session.revoked": object({ reason: text(32) }),
  pong: object({ id: optional(count), server_ms: millis }),
  error: object({ id: optional(count), error: refusal }),
});

/** @typedef {Of<typeof message>} Message */
/** @typedef {Of<typeof capsule>} Capsule */
/** @typedef {Of<typeof pre>} Pre */
/** @typedef {Of<typeof refusal>} Refusal */
/** @typedef {typeof FRAMES} FrameShapes */
/** @typedef {{ [T in keyof FrameShapes]: { type: T } & Of<FrameShapes[T]> }} ServerFrames */
/** @typedef {ServerFrames[keyof ServerFrames]} ServerFrame */

/** @typedef {Capsule & { user: string, device: string }} AddressedCapsule */
/**
 * What `message.send` and its REST form have in common.
 * @typedef {{ msg_id: string, epoch: number, roster_hash: string, c2: string, payload: string,
 *   capsules: AddressedCapsule[], device_lists: Record<string, number> }} SendBody
 */
/**
 * @typedef {{ type: "authenticate", token: string, device_id: string }
 *   | { type: "message.send", id: number, room: string } & SendBody
 *   | { type: "message.delivered" | "message.read", room: string, seq: number }
 *   | { type: "typing", room: string, on: boolean }
 *   | { type: "presence", status: "online" | "away" }
 *   | { type: "sync", id: number, room: string, after: number, limit: number }
 *   | { type: "ping", id: number }} ClientFrame
 */

/**
 * Read one frame of the server.
 *
 * Throws: AppError("bad_answer").
 * @param {string} data
 * @returns {ServerFrame | null} null for a type this version does not know
 */
export function parseFrame(data) {
  const value = parseJson(data);
  const { type } = object({ type: text(64) })(value, "frame");
  if (!Object.hasOwn(FRAMES, type)) return null;
  const shape = FRAMES[/** @type {keyof FrameShapes} */ (type)];
  return /** @type {ServerFrame} */ ({ type, ...shape(value, type) });
}

/**
 * Throws: AppError("bad_answer"), also for a message that is not this number's.
 * @param {unknown} value
 * @returns {Message}
 */
export function parseMessage(value) {
  return message(value, "message");
}

/**
 * The number of a message that may be malformed otherwise.
 *
 * Throws: AppError("bad_answer").
 * @param {unknown} value
 * @returns {number}
 */
export function readSeq(value) {
  return numbered(value, "message").seq;
}

/** @param {string} data */
function parseJson(data) {
  try {
    return /** @type {unknown} */ (JSON.parse(data));
  } catch {
    throw new AppError("bad_answer", "not JSON");
  }
}
