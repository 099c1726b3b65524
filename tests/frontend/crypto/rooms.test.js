import assert from "node:assert/strict";
import { test } from "node:test";

import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { directRoomId, verifyDirectRoom } from "../../../frontend/js/crypto/rooms.js";
import { safetyNumber } from "../../../frontend/js/crypto/safety-number.js";
import { toHex } from "../../../frontend/js/lib/bytes.js";
import { flip, refusalOf } from "./fixtures.js";

test("both members compute the same room, and each nonce opens another", async () => {
  const [userA, userB, nonce] = [randomBytes(16), randomBytes(16), randomBytes(16)];
  const roomId = await directRoomId(userA, userB, nonce);
  assert.equal(toHex(await directRoomId(userB, userA, nonce)), toHex(roomId));
  assert.notEqual(toHex(await directRoomId(userA, userB, flip(nonce, 0))), toHex(roomId));
  await verifyDirectRoom({ roomId, userA: userB, userB: userA, nonce });
});

test("row 1: a room that the server made for someone else is refused", async () => {
  const room = { userA: randomBytes(16), userB: randomBytes(16), nonce: randomBytes(16) };
  const roomId = await directRoomId(room.userA, room.userB, room.nonce);
  for (const field of ["userA", "userB", "nonce"]) {
    const other = { ...room, roomId, [field]: flip(room[field], 3) };
    assert.equal(await refusalOf(() => verifyDirectRoom(other)), "bad_room");
  }
  assert.equal(
    await refusalOf(() => verifyDirectRoom({ ...room, roomId: flip(roomId, 0) })),
    "bad_room",
  );
  const short = { ...room, nonce: room.nonce.slice(1) };
  assert.equal(await refusalOf(async () => directRoomId(...Object.values(short))), "malformed");
});

test("both sides see the same safety number, and another for any other key or user", async () => {
  const account = () => ({ userId: randomBytes(16), accountKey: randomBytes(65) });
  const [a, b] = [account(), account()];
  const groups = await safetyNumber(a, b);
  assert.equal(groups.length, 12);
  assert.ok(groups.every((group) => /^\d{5}$/.test(group)));
  assert.deepEqual(await safetyNumber(b, a), groups);
  const impostor = { ...b, accountKey: flip(b.accountKey, 30) };
  assert.notDeepEqual(await safetyNumber(a, impostor), groups);
  assert.notDeepEqual(await safetyNumber(a, { ...b, userId: flip(b.userId, 0) }), groups);
});
