import assert from "node:assert/strict";
import { test } from "node:test";

import { createSocket, pauseAfter } from "../../../frontend/js/net/socket.js";
import { CloseCode, RefusedError } from "../../../frontend/js/protocol/errors.js";

const half = () => 0.5;

/** A clock whose sleepers are woken by the test; time stands still. */
function stoppedClock() {
  const sleepers = [];
  return {
    sleepers,
    clock: {
      nowMs: () => 0,
      sleep: (delayMs, signal) =>
        new Promise((resolve, reject) => {
          sleepers.push({ delayMs, wake: resolve });
          signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        }),
    },
  };
}

/** WebSockets that the test opens, feeds and closes. */
function scriptedSockets() {
  const sockets = [];
  class Scripted {
    OPEN = 1;
    readyState = 1;
    sent = [];
    constructor() {
      sockets.push(this);
    }
    send(data) {
      this.sent.push(JSON.parse(data));
    }
    close() {
      this.readyState = 3;
    }
    receive(frame) {
      this.onmessage({ data: JSON.stringify(frame) });
    }
  }
  return { sockets, WebSocket: Scripted };
}

function connect(overrides = {}) {
  const { clock, sleepers } = stoppedClock();
  const { sockets, WebSocket } = scriptedSockets();
  const seen = { frames: [], connections: [], tokens: [], ended: [] };
  const socket = createSocket(
    { url: "ws://test/ws", WebSocket, clock, random: half, isOnline: () => true },
    {
      async token(force) {
        seen.tokens.push(force);
        return overrides.token?.() ?? "token";
      },
      deviceId: () => "device",
      onFrame: (frame) => seen.frames.push(frame),
      onConnection: ({ status }) => seen.connections.push(status),
      onEnded: (error) => seen.ended.push(error.code),
    },
  );
  socket.start();
  return { socket, sockets, sleepers, seen };
}

const settle = () => new Promise(setImmediate);
const AUTHENTICATED = {
  type: "authenticated",
  user_id: "A".repeat(22),
  device_id: "A".repeat(22),
  server_ms: 1,
  rooms: [],
  presence: [],
};

async function online(overrides) {
  const all = connect(overrides);
  await settle();
  all.sockets[0].onopen();
  all.sockets[0].receive(AUTHENTICATED);
  return all;
}

test("delays double from half a second to thirty, with full jitter (R-10)", () => {
  const delays = [0, 1, 2, 10].map((attempt) => pauseAfter(1006, attempt, half));
  assert.deepEqual(delays, [250, 500, 1000, 15_000]);
  assert.equal(
    pauseAfter(1006, 3, () => 0),
    0,
  );
});

test("a restart is spread over five seconds, too many frames cost a minute", () => {
  assert.equal(pauseAfter(CloseCode.COME_BACK, 0, half), 2_500);
  assert.equal(pauseAfter(CloseCode.TOO_MANY, 0, half), 60_000);
});

test("the first frame authenticates, and only then anything else is sent", async () => {
  const { socket, sockets } = connect();
  await settle();
  assert.equal(socket.send({ type: "typing", room: "r", on: true }), false);
  sockets[0].onopen();
  assert.deepEqual(sockets[0].sent, [
    { type: "authenticate", token: "token", device_id: "device" },
  ]);
  sockets[0].receive(AUTHENTICATED);
  assert.equal(socket.send({ type: "typing", room: "r", on: true }), true);
  socket.stop();
});

test("an answer finds its request, a refusal rejects it, the end of the connection as well", async () => {
  const { socket, sockets } = await online();
  const ask = () => socket.request({ type: "sync", room: "r", after: 0, limit: 1 });
  const [answered, refused, cut] = [ask(), ask(), ask()];
  const ids = sockets[0].sent.slice(1).map(({ id }) => id);
  const synced = {
    type: "synced",
    room: "A".repeat(43),
    messages: [],
    has_more: false,
    last_seq: 0,
  };
  sockets[0].receive({ ...synced, id: ids[0] });
  sockets[0].receive({ type: "error", id: ids[1], error: { code: "not_found" } });
  assert.equal((await answered).type, "synced");
  await assert.rejects(refused, { code: "not_found" });
  sockets[0].onclose({ code: 1006 });
  await assert.rejects(cut, { code: "offline" });
  socket.stop();
});

test("a connection that is silent after a ping is given up (R-11)", async () => {
  const { socket, sockets, sleepers, seen } = await online();
  const wake = async (delayMs) => {
    sleepers.findLast((sleeper) => sleeper.delayMs === delayMs).wake();
    await settle();
  };
  await wake(10_000); // the time to authenticate is over, and was kept
  await wake(20_000);
  assert.equal(sockets[0].sent.at(-1).type, "ping");
  assert.equal(sockets[0].readyState, 1);
  socket.stop();
  assert.equal(sockets[0].readyState, 3);
  assert.ok(seen.connections.includes("online"));
});

test("a log-in that is over stops the socket, a server that is away does not", async () => {
  const over = connect({
    token() {
      throw new RefusedError({ code: "session_revoked" });
    },
  });
  await settle();
  assert.deepEqual(over.seen.ended, ["session_revoked"]);
  const away = connect({
    token() {
      throw new RefusedError({ code: "unavailable" });
    },
  });
  await settle();
  assert.deepEqual(away.seen.ended, []);
  away.socket.stop();
});

test("after 4401 the next attempt takes a fresh token", async () => {
  const { socket, sockets, sleepers, seen } = await online();
  sockets[0].onclose({ code: CloseCode.SESSION_ENDED });
  await settle();
  sleepers.at(-1).wake();
  await settle();
  assert.deepEqual(seen.tokens, [false, true]);
  socket.stop();
});

test("coming on-line ends the delay at once", async () => {
  const { socket, sockets } = await online();
  sockets[0].onclose({ code: 1006 });
  await settle();
  assert.equal(sockets.length, 1);
  socket.wake();
  await settle();
  assert.equal(sockets.length, 2);
  socket.stop();
});
