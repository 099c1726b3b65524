/**
 * Whether messages of a sending device are missing (SEAL1 §4.7, §6 rows 9 and 22).
 *
 * Every counted message says its number and the hash of the one before it. The server can hold messages
 * back, but not without leaving a gap here. Messages that came and could not be opened explain a gap of
 * their number.
 */

/** @import { RoomRecord, SenderTrail } from "./model.js" */

/**
 * @param {SenderTrail | undefined} trail undefined when nothing of this device was seen in the room
 * @param {{ sseq: number, prev: string | null }} message
 * @returns {boolean}
 */
export function isGap(trail, { sseq, prev }) {
  if (trail === undefined) return false;
  const skipped = sseq - trail.sseq - 1;
  if (skipped === 0) return prev !== trail.hash && trail.hash !== null;
  return skipped > trail.unread;
}

/**
 * The trail after an opened message.
 * @param {SenderTrail | undefined} trail
 * @param {{ sseq: number, hash: string }} message `hash`: its PH
 * @returns {SenderTrail}
 */
export function follow(trail, { sseq, hash }) {
  // A message that arrives late, or of a sender who lost its count, does not turn the trail back.
  if (trail !== undefined && sseq < trail.sseq) return trail;
  return { sseq, hash, unread: 0 };
}

/**
 * The room after a message of a device that could not be opened.
 * @param {RoomRecord} room
 * @param {string} device
 * @returns {RoomRecord}
 */
export function noteUnread(room, device) {
  const trail = room.senders[device];
  if (trail === undefined) return room;
  const senders = { ...room.senders, [device]: { ...trail, unread: trail.unread + 1 } };
  return { ...room, senders };
}
