import assert from "node:assert/strict";
import { test } from "node:test";

import { createMessageCalls } from "../../../frontend/js/net/messages.js";
import { sendAnswer } from "../../../frontend/js/protocol/bodies.js";
import { FRAME_BYTES } from "../../../frontend/js/protocol/limits.js";

const ROOM = "r".repeat(43);
const ACCEPTED = { type: "message.accepted", seq: 7, server_ms: 1_000 };

/** Both ways to the server, each of which notes what goes there and answers as told. */
function ways({ frame = ACCEPTED, rest = { seq: 8, server_ms: 2_000 } } = {}) {
  const frames = [];
  const posts = [];
  const api = {
    async call(...post) {
      posts.push(post);
      return rest;
    },
  };
  const request = async (asked) => {
    frames.push(asked);
    return frame;
  };
  return { frames, posts, calls: createMessageCalls(api, request) };
}

/** A body whose JSON is so long. */
const bodyOf = (bytes) => ({ msg_id: "m", payload: "p".repeat(bytes - EMPTY_BYTES) });
const EMPTY_BYTES = JSON.stringify({ msg_id: "m", payload: "" }).length;

test("a message goes as a frame, and its answer is the acceptance", async () => {
  const { calls, frames, posts } = ways();
  const body = bodyOf(100);
  assert.equal((await calls.send(ROOM, body)).seq, 7);
  assert.deepEqual(frames, [{ type: "message.send", room: ROOM, ...body }]);
  assert.deepEqual(posts, []);
});

test("what would not fit into a frame goes by REST, to the byte", async () => {
  const { calls, frames, posts } = ways();
  const largest = bodyOf(FRAME_BYTES - 256);
  assert.equal(JSON.stringify(largest).length, FRAME_BYTES - 256);
  assert.equal((await calls.send(ROOM, largest)).seq, 7);
  assert.ok(JSON.stringify({ id: Number.MAX_SAFE_INTEGER, ...frames[0] }).length <= FRAME_BYTES);
  const larger = bodyOf(FRAME_BYTES - 255);
  assert.equal((await calls.send(ROOM, larger)).seq, 8);
  assert.deepEqual(posts, [["POST", `/api/rooms/${ROOM}/messages`, sendAnswer, larger]]);
  assert.equal(frames.length, 1);
});

test("an answer to something else is none", async () => {
  const pong = ways({ frame: { type: "pong", server_ms: 1 } }).calls;
  await assert.rejects(pong.send(ROOM, bodyOf(100)), { code: "bad_answer" });
  await assert.rejects(pong.sync(ROOM, 0, 50), { code: "bad_answer" });
  const other = { type: "synced", room: "s".repeat(43), messages: [], has_more: false };
  await assert.rejects(ways({ frame: other }).calls.sync(ROOM, 0, 50), { code: "bad_answer" });
});

test("a log is read from a number on", async () => {
  const page = { type: "synced", room: ROOM, messages: [], has_more: false };
  const { calls, frames } = ways({ frame: page });
  assert.deepEqual(await calls.sync(ROOM, 3, 50), page);
  assert.deepEqual(frames, [{ type: "sync", room: ROOM, after: 3, limit: 50 }]);
});
