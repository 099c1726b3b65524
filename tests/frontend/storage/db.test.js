import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory, IDBVersionChangeEvent } from "fake-indexeddb";

import { deleteDatabase, hasDatabase, openDatabase } from "../../../frontend/js/storage/db.js";
import { MIGRATIONS } from "../../../frontend/js/storage/migrations.js";
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
import {
  putTransfer,
  readTransfers,
  removeTransfer,
} from "../../../frontend/js/storage/transfers.js";

const sealed = new Uint8Array([1]);

function session(version, peer = "u/d") {
  return { id: `${peer}/s`, peer, sid: "s", version, ratchetKey: null, sealed };
}

function row(room, order, more = {}) {
  return { key: `${room}/d/${order}`, room, order, sealed, ...more };
}

/** A database, and the browser's connections below it, the newest last. */
async function opened() {
  const factory = new IDBFactory();
  const open = factory.open.bind(factory);
  const connections = [];
  factory.open = (...names) => {
    const request = open(...names);
    request.addEventListener("success", () => connections.push(request.result));
    return request;
  };
  return { factory, connections, db: await openDatabase(factory) };
}

/** What is written on this connection is refused when it has been asked for. */
function refusing(connection, reason) {
  const begin = connection.transaction.bind(connection);
  connection.transaction = (stores, mode, ...how) => {
    const tx = begin(stores, mode, ...how);
    if (mode === "readwrite") {
      Object.defineProperty(tx, "error", { value: new DOMException("refused", reason) });
      setImmediate(() => tx.abort());
    }
    return tx;
  };
}

const dispatchClose = (connection) => connection.dispatchEvent(new IDBVersionChangeEvent("close"));

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

test("a change that cannot be stored undoes those before it in the same commit", async () => {
  const db = await openDatabase(new IDBFactory());
  const changes = [putRow(row("r", 1)), putRow(row("r", 2, { sealed: () => {} }))];
  await assert.rejects(db.commit(changes), { code: "storage_failed" });
  assert.deepEqual(await db.getAll("messages"), []);
});

test("a commit asks for strict durability", async () => {
  const { db, connections } = await opened();
  const asked = [];
  const begin = connections[0].transaction.bind(connections[0]);
  connections[0].transaction = (stores, mode, options) => {
    asked.push(options?.durability);
    return begin(stores, mode, options);
  };
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

test("a database of every earlier layout is brought to the newest, and keeps what it held", async () => {
  for (const version of MIGRATIONS.keys()) {
    if (version === 0) continue;
    const factory = new IDBFactory();
    await new Promise((resolve, reject) => {
      const request = factory.open("sealroom", version);
      request.onupgradeneeded = () => {
        for (const migrate of MIGRATIONS.slice(0, version)) migrate(request.result);
        request.transaction.objectStore("outbox").put({ key: "k", position: 1 });
      };
      request.onsuccess = () => resolve(request.result.close());
      request.onerror = () => reject(request.error);
    });
    const db = await openDatabase(factory);
    assert.equal((await readOutbox(db)).length, 1);
    await db.commit([putTransfer("sent_transfers", { id: "t", sealed })]);
    assert.deepEqual(await readTransfers(db, "received_transfers"), []);
    assert.deepEqual(await readTransfers(db, "sent_transfers"), [{ id: "t", sealed }]);
    await db.commit([removeTransfer("sent_transfers", "t")]);
    assert.deepEqual(await readTransfers(db, "sent_transfers"), []);
    db.close();
  }
});

test("a deleted database comes back empty", async () => {
  const factory = new IDBFactory();
  const db = await openDatabase(factory);
  await db.commit([putSession(session(1))]);
  db.close();
  await deleteDatabase(factory);
  assert.deepEqual(await readSessions(await openDatabase(factory), "u/d"), []);
});

test("who opens the database takes it from whoever wrote there before", async () => {
  const factory = new IDBFactory();
  const [slept, awake] = [await openDatabase(factory), await openDatabase(factory)];
  await awake.commit([putRow(row("r", 1))]);
  await assert.rejects(slept.commit([putRow(row("r", 2))]), { code: "unavailable" });
  await awake.commit([putRow(row("r", 3))]);
  const orders = (db) =>
    readPage(db, { room: "r", limit: 9 }).then((page) => page.map((r) => r.order));
  assert.deepEqual(await orders(awake), [1, 3]);
  assert.deepEqual(await orders(slept), [1, 3], "it may still read");
});

test("on a full disk the database opens, to be read; whatever else fails there is told", async () => {
  for (const [reason, opens] of [
    ["QuotaExceededError", true],
    ["DataError", false],
  ]) {
    const factory = new IDBFactory();
    const before = await openDatabase(factory);
    await before.commit([putRow(row("r", 1))]);
    before.close();
    const open = factory.open.bind(factory);
    factory.open = (...names) => {
      const request = open(...names);
      request.addEventListener("success", () => refusing(request.result, reason));
      return request;
    };
    const opening = openDatabase(factory);
    if (opens) assert.equal((await readPage(await opening, { room: "r", limit: 9 })).length, 1);
    else await assert.rejects(opening, { code: "storage_failed" });
  }
});

test("a connection that the browser took is opened anew, by reads and by commits", async () => {
  const { db, connections } = await opened();
  connections[0].close();
  await db.commit([putSession(session(1))]);
  connections[1].close();
  assert.equal((await db.get("sessions", "u/d/s")).version, 1);
  connections[2].close();
  assert.equal((await readSessions(db, "u/d")).length, 1);
  assert.equal(connections.length, 4);
});

test("a connection is opened anew when it says that it was closed", async () => {
  const { db, connections } = await opened();
  dispatchClose(connections[0]);
  await db.getAll("rooms");
  dispatchClose(connections[0]);
  await db.getAll("rooms");
  assert.equal(connections.length, 2, "the one before has nothing to say any more");
});

test("calls that miss the connection at the same time wait for one, and keep their order", async () => {
  const { db, connections } = await opened();
  connections[0].close();
  const commits = [1, 2].map((version) => db.commit([putSession(session(version))]));
  const [, , stored] = await Promise.all([...commits, db.get("sessions", "u/d/s")]);
  assert.deepEqual([stored.version, connections.length], [2, 2]);
});

test("a commit during which the connection is lost is not repeated; the next call opens anew", async () => {
  const { db, connections } = await opened();
  const begin = connections[0].transaction.bind(connections[0]);
  connections[0].transaction = (...how) => {
    const tx = begin(...how);
    const error = new DOMException("Connection to Indexed Database server lost", "UnknownError");
    Object.defineProperty(tx, "error", { value: error });
    queueMicrotask(() => tx.abort());
    return tx;
  };
  await assert.rejects(db.commit([putSession(session(1))]), { code: "storage_failed" });
  assert.deepEqual(await db.getAll("sessions"), []);
  assert.equal(connections.length, 2);
});

test("a connection is opened anew once for a call, and again for the next", async () => {
  const { db, factory, connections } = await opened();
  connections[0].close();
  const { open } = factory;
  let isLosing = true;
  factory.open = (...names) => {
    const request = open(...names);
    request.addEventListener("success", () => isLosing && request.result.close());
    return request;
  };
  await assert.rejects(db.getAll("rooms"), { code: "storage_failed" });
  assert.equal(connections.length, 2);
  isLosing = false;
  assert.deepEqual(await db.getAll("rooms"), []);
});

test("what is refused for another reason than the connection opens none", async () => {
  const { db, connections } = await opened();
  await assert.rejects(db.getAll("nothing"), { code: "storage_failed" });
  await db.getAll("rooms");
  assert.equal(connections.length, 1);
});

test("a connection that cannot be opened now is opened by a later call", async () => {
  const { db, factory, connections } = await opened();
  connections[0].close();
  const { open } = factory;
  factory.open = () => {
    throw new DOMException("server lost", "UnknownError");
  };
  await assert.rejects(db.getAll("rooms"), { code: "storage_failed" });
  factory.open = open;
  assert.deepEqual(await db.getAll("rooms"), []);
});

for (const [how, end] of Object.entries({
  "closed here": ({ db }) => db.close(),
  "deleted and made anew by another tab": async ({ factory }) => {
    await deleteDatabase(factory);
    await openDatabase(factory);
  },
})) {
  test(`a database that was ${how} is not opened again`, async () => {
    const all = await opened();
    await end(all);
    const { length } = all.connections;
    await assert.rejects(all.db.getAll("rooms"), { code: "storage_failed" });
    await assert.rejects(all.db.commit([putSession(session(1))]), { code: "storage_failed" });
    assert.equal(all.connections.length, length);
  });
}

test("a database that is closed while it is opened anew stays closed", async () => {
  const { db, connections } = await opened();
  connections[0].close();
  const read = db.getAll("rooms");
  db.close();
  await assert.rejects(read, { code: "storage_failed" });
  assert.throws(() => connections[1].transaction("rooms"), { name: "InvalidStateError" });
});

test("a database that was deleted while the connection was lost does not come back", async () => {
  const { db, factory, connections } = await opened();
  connections[0].close();
  await deleteDatabase(factory);
  await assert.rejects(db.commit([putSession(session(1))]), { code: "storage_failed" });
  assert.deepEqual(await factory.databases(), []);
  await openDatabase(factory);
  await assert.rejects(db.getAll("rooms"), { code: "storage_failed" }, "one of somebody else");
});

test("there is a database once it was made, not when its making was given up", async () => {
  const factory = new IDBFactory();
  assert.equal(await hasDatabase(factory), false);
  await openDatabase(factory);
  assert.equal(await hasDatabase(factory), true);
  const databases = async () => [{ name: "sealroom", version: 0 }];
  assert.equal(await hasDatabase({ databases }), false);
});
