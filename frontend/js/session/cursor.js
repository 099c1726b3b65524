/**
 * How far a room's log has been dealt with: everything up to the cursor, and beyond it the numbers of
 * what this device sent itself, which it does not read again.
 */

/** @import { RoomRecord } from "./model.js" */

/**
 * Take note of the number of an own message; the cursor steps over it when it comes there.
 * @param {RoomRecord} room
 * @param {number} seq
 * @returns {RoomRecord}
 */
export function withOwnSeq(room, seq) {
  const lastSeq = Math.max(room.lastSeq, seq);
  if (seq <= room.cursor) return { ...room, lastSeq };
  return stepOverOwn({ ...room, lastSeq, ownSeqs: [...new Set([...room.ownSeqs, seq])] });
}

/**
 * @param {RoomRecord} room
 * @returns {RoomRecord}
 */
export function stepOverOwn(room) {
  let { cursor } = room;
  while (room.ownSeqs.includes(cursor + 1)) cursor += 1;
  return { ...room, cursor, ownSeqs: room.ownSeqs.filter((seq) => seq > cursor) };
}
