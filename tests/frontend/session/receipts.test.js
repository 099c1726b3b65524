import assert from "node:assert/strict";
import { test } from "node:test";

import { AppError } from "../../../frontend/js/lib/errors.js";
import { createReceipts } from "../../../frontend/js/session/receipts.js";

const ROOM = "room";

/** Receipts of one room with a clock that waits for nobody. */
function setUp(more = {}) {
  const none = { delivered: 0, read: 0 };
  let room = { id: ROOM, lastSeq: 100, deliveredSeq: 0, readSeq: 0, told: none, ...more };
  const sent = [];
  const wire = { isOpen: true };
  const rooms = {
    get: () => room,
    require: () => room,
    all: () => [room],
    patch: async (_, change) => {
      room = { ...room, ...change };
    },
  };
  const send = ({ type, seq }) => wire.isOpen && sent.push(`${type} ${seq}`) > 0;
  const warnings = [];
  const core = {
    clock: { sleep: async () => undefined },
    log: { warn: (event) => warnings.push(event) },
  };
  return {
    receipts: createReceipts(core, { rooms, send }),
    rooms,
    sent,
    wire,
    warnings,
    told: () => room.told,
  };
}

const settled = () =>
  new Promise((resolve) => {
    setTimeout(resolve, 5);
  });

test("a reader further up tells both how far they have read and how far they have received", async () => {
  const { receipts, rooms, sent, told } = setUp();
  await rooms.patch(ROOM, { deliveredSeq: 71 });
  await receipts.read(ROOM, 10);
  await settled();
  assert.deepEqual(sent, ["message.read 10", "message.delivered 71"]);
  assert.deepEqual(told(), { delivered: 71, read: 10 });
});

test("to have read all of it says by itself that it was received", async () => {
  const { receipts, rooms, sent } = setUp();
  await rooms.patch(ROOM, { deliveredSeq: 71 });
  await receipts.read(ROOM, 71);
  await settled();
  assert.deepEqual(sent, ["message.read 71"]);
});

test("a mark that could not be noted is told again with the next one", async () => {
  const { receipts, rooms, sent, warnings, told } = setUp();
  const { patch } = rooms;
  await rooms.patch(ROOM, { deliveredSeq: 5 });
  rooms.patch = () => Promise.reject(new AppError("storage_failed"));
  receipts.touch(ROOM);
  await settled();
  assert.deepEqual([warnings, told().delivered], [["receipts.failed"], 0]);
  rooms.patch = patch;
  receipts.touch(ROOM);
  await settled();
  assert.deepEqual(sent, ["message.delivered 5", "message.delivered 5"]);
  assert.deepEqual([warnings.length, told().delivered], [1, 5]);
});

test("a mark that could not be told is told after the next connect, and then once", async () => {
  const { receipts, rooms, sent, wire, told } = setUp();
  wire.isOpen = false;
  await rooms.patch(ROOM, { deliveredSeq: 5 });
  await receipts.read(ROOM, 3);
  await settled();
  assert.deepEqual([sent, told()], [[], { delivered: 0, read: 0 }]);
  wire.isOpen = true;
  receipts.catchUp();
  receipts.catchUp();
  await settled();
  receipts.catchUp();
  await settled();
  assert.deepEqual(sent, ["message.read 3", "message.delivered 5"]);
});
