import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory } from "fake-indexeddb";

import { deleteDatabase, openDatabase } from "../../../frontend/js/storage/db.js";
import {
  countUnread,
  putRow,
  readPage,
  readWanted,
  removeRowsOf,
} from "../../../frontend/js/storage/messages.js";
import { readOutbox, putOutbox } from "../../../frontend/js/storage/outbox.js";
import {
  forgetSeenSessions,
  isSessionSeen,
  putSeenSession,
  putSession,
  readSessions,
} from "../../../frontend/js/storage/sessions.js";

const sealed = new Uint8Array([1]);

function session(version, peer = "u/d") {
  return { id: `${peer}/s`, peer, sid: "s", version, ratchetKey: null, sealed };
}

function row(room, order, more = {}) {
  return { key: `${room}/d/${order}`, room, order, sealed, ...more };
}

test("a session is written only over the version it was read at", async () => {
  const db = await openDatabase(new IDBFactory());
  await db.commit([putSession(session(1))]);
  await db.commit([putSession(session(2))]);
  await assert.rejects(db.commit([putSession(session(2))]), { code: "storage_conflict" });
  await assert.rejects(db.commit([putSession(session(1))]), { code: "storage_conflict" });
  const [stored] = await readSessions(db, "u/d");
  assert.equal(stored.version, 2);
});

test("a conflict undoes everything in the same commit", async () => {
  const db = await openDatabase(new IDBFactory());
  await db.commit([putSession(session(1))]);
  const outbox = putOutbox({ key: "k", room: "r", position: 1, sealed });
  await assert.rejects(db.commit([outbox, putSession(session(1))]), { code: "storage_conflict" });
  assert.deepEqual(await readOutbox(db), []);
});

test("what cannot be stored is a failure of the storage, not a conflict", async () => {
  const db = await openDatabase(new IDBFactory());
  await assert.rejects(db.commit([putRow(row("r", 1, { sealed: () => {} }))]), {
    code: "storage_failed",
  });
});

test("a commit asks for strict durability", async () => {
  const factory = new IDBFactory();
  const open = factory.open.bind(factory);
  const asked = [];
  factory.open = (...names) => {
    const request = open(...names);
    request.addEventListener("success", () => {
      const begin = request.result.transaction.bind(request.result);
      request.result.transaction = (stores, mode, options) => {
        asked.push(options?.durability);
        return begin(stores, mode, options);
      };
    });
    return request;
  };
  const db = await openDatabase(factory);
  await db.commit([putSession(session(1))]);
  assert.deepEqual(asked, ["strict"]);
});

test("pages hold the rows of one room between two orders", async () => {
  const db = await openDatabase(new IDBFactory());
  await db.commit([...[1, 2, 2.5, 3, 4].map((n) => putRow(row("r", n))), putRow(row("q", 2))]);
  const orders = async (page) => (await readPage(db, { room: "r", ...page })).map((r) => r.order);
  assert.deepEqual(await orders({ limit: 2, newest: true }), [3, 4]);
  assert.deepEqual(await orders({ limit: 9, newest: true, before: 3 }), [1, 2, 2.5]);
  assert.deepEqual(await orders({ limit: 2, newest: false, after: 1 }), [2, 2.5]);
});

test("unread rows are counted beyond what was read, without reading them", async () => {
  const db = await openDatabase(new IDBFactory());
  const rows = [1, 2, 3].map((n) => putRow(row("r", n, { unread_seq: n })));
  await db.commit([...rows, putRow(row("r", 4))]);
  assert.deepEqual(await countUnread(db, "r", 1), { unread: 2, firstUnreadSeq: 2 });
  assert.deepEqual(await countUnread(db, "r", 3), { unread: 0, firstUnreadSeq: null });
});

test("rows of a room go with it, and no others", async () => {
  const db = await openDatabase(new IDBFactory());
  await db.commit([putRow(row("r", 1)), putRow(row("r0", 1)), putRow(row("q", 1))]);
  await db.commit([removeRowsOf("r")]);
  assert.equal((await db.getAll("messages")).length, 2);
});

test("rows that are asked for again are found by the device that has them", async () => {
  const db = await openDatabase(new IDBFactory());
  await db.commit([putRow(row("r", 1, { wanted_from: "u/d" })), putRow(row("r", 2))]);
  assert.equal((await readWanted(db)).length, 1);
  assert.equal((await readWanted(db, "u/x")).length, 0);
});

test("answered session ids are forgotten with their signed prekey", async () => {
  const db = await openDatabase(new IDBFactory());
  await db.commit([putSeenSession("a", 7), putSeenSession("b", 8)]);
  await db.commit(await forgetSeenSessions(db, 7));
  assert.deepEqual([await isSessionSeen(db, "a"), await isSessionSeen(db, "b")], [false, true]);
});

test("a deleted database comes back empty", async () => {
  const factory = new IDBFactory();
  const db = await openDatabase(factory);
  await db.commit([putSession(session(1))]);
  db.close();
  await deleteDatabase(factory);
  assert.deepEqual(await readSessions(await openDatabase(factory), "u/d"), []);
});
