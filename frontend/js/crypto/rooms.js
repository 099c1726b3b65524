/**
 * Room ids that prove who is in the room (SEAL1 §4.8).
 *
 *     DM: roomId = H(T("SEAL1/dm", min(uA, uB), max(uA, uB), nonce16)), epoch 0, rosterHash = roomId
 */

import { compare, equal } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { ID_BYTES, LABEL } from "./constants.js";
import { tuple } from "./encoding.js";
import { sha256 } from "./primitives.js";

/** @import { Bytes } from "../lib/bytes.js" */

/**
 * @param {Bytes} userA 16 bytes; the order of the two does not matter
 * @param {Bytes} userB 16 bytes
 * @param {Bytes} nonce 16 bytes, random for each opening
 * @returns {Promise<Bytes>} 32 bytes
 */
export function directRoomId(userA, userB, nonce) {
  if ([userA, userB, nonce].some((id) => id.length !== ID_BYTES))
    throw new AppError("malformed", "room");
  const [first, second] = compare(userA, userB) < 0 ? [userA, userB] : [userB, userA];
  return sha256(tuple(LABEL.directRoom, first, second, nonce));
}

/**
 * Recompute the id of a room before it is used: the server cannot put anyone else into it.
 *
 * Throws: AppError("bad_room").
 * @param {{ roomId: Bytes, userA: Bytes, userB: Bytes, nonce: Bytes }} room
 */
export async function verifyDirectRoom({ roomId, userA, userB, nonce }) {
  if (!equal(roomId, await directRoomId(userA, userB, nonce))) throw new AppError("bad_room");
}
