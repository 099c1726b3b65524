import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "./fake-server.js";
import { couple, Device, dumpDatabase, logIn, restoreDatabase, until } from "./people.js";

const open = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function pair(server = new FakeServer()) {
  const { alice, bob, room } = await couple(server);
  open.push(alice.device, bob.device);
  await alice.device.call("sendMessage", { room, text: "before" });
  await bob.device.shows(room, ["before"]);
  return { server, alice, bob, room };
}

/** Number of a message in a chain, as the header says it: u8 ‖ u8 ‖ point65 ‖ u32 PN ‖ u32 N. */
function headersOf(server, room) {
  return server.rooms.get(room).log.flatMap(({ capsules }) =>
    capsules.map(({ sid, device, header }) => {
      const bytes = Buffer.from(header, "base64url");
      return `${sid} ${device} ${bytes.subarray(2, 67).toString("hex")} ${bytes.readUInt32BE(71)}`;
    }),
  );
}

for (const writes of [0, 1, 2, 3, 4]) {
  test(`a browser that dies after ${writes} writes of a send loses nothing and sends nothing twice`, async () => {
    const { server, alice, bob, room } = await pair();
    alice.device.writesLeft = writes;
    const sent = alice.device.call("sendMessage", { room, text: "in danger" });
    await Promise.race([
      until("dead", () => alice.device.dead),
      sent.then(() => until("dead or done", () => server.rooms.get(room).log.length === 2)),
    ]);
    await alice.device.reload();
    await alice.device.online();
    // With no write done the person was never told that it was kept.
    const expected = writes === 0 ? ["before"] : ["before", "in danger"];
    await bob.device.shows(room, expected);
    await alice.device.shows(room, expected);
    await alice.device.call("sendMessage", { room, text: "after" });
    await bob.device.shows(room, [...expected, "after"]);
    await bob.device.call("sendMessage", { room, text: "answer" });
    await alice.device.shows(room, [...expected, "after", "answer"]);
    const headers = headersOf(server, room);
    assert.equal(new Set(headers).size, headers.length, "no chain key was used twice");
  });

  test(`a browser that dies after ${writes} writes of a receipt shows the message once`, async () => {
    const { alice, bob, room } = await pair();
    bob.device.writesLeft = writes;
    await alice.device.call("sendMessage", { room, text: "to a dying one" });
    void bob.device.call("sendMessage", { room, text: "also writing" });
    await until("dead", () => bob.device.dead);
    await bob.device.reload();
    await bob.device.online();
    await until("received", async () => (await bob.device.texts(room)).includes("to a dying one"));
    await alice.device.call("sendMessage", { room, text: "afterwards" });
    await until("afterwards", async () => (await bob.device.texts(room)).includes("afterwards"));
    const texts = await bob.device.texts(room);
    assert.equal(new Set(texts).size, texts.length);
    const failed = (await bob.device.rows(room)).filter(({ kind }) => kind !== "text");
    assert.deepEqual(failed, []);
  });
}

test("two engines on one database never use one chain key twice (§6 row 28)", async () => {
  const { server, alice, bob, room } = await pair();
  const { indexedDB } = alice.device;
  const twin = new Device(server, { indexedDB, browser: alice.device.browser });
  open.push(twin);
  await twin.start();
  await twin.online();
  // As if both wrote in one term: only the versions of the sessions stand between them.
  alice.device.database = twin.database;
  await Promise.all([
    ...[0, 1, 2, 3].map((i) => alice.device.call("sendMessage", { room, text: `left ${i}` })),
    ...[0, 1, 2, 3].map((i) => twin.call("sendMessage", { room, text: `right ${i}` })),
  ]);
  await until("all", async () => (await bob.device.texts(room)).length === 9);
  const headers = headersOf(server, room);
  assert.equal(new Set(headers).size, headers.length);
});

test("an engine that slept while another took over writes nothing, and sends nothing", async () => {
  const { server, alice, bob, room } = await pair();
  const { indexedDB, browser } = alice.device;
  const awake = new Device(server, { indexedDB, browser });
  open.push(awake);
  await awake.start();
  await awake.online();
  const late = alice.device.call("sendMessage", { room, text: "too late" });
  await assert.rejects(late, { code: "unavailable" });
  await bob.device.call("sendMessage", { room, text: "who is there?" });
  await awake.call("sendMessage", { room, text: "me" });
  await bob.device.shows(room, ["before", "who is there?", "me"]);
  await awake.shows(room, ["before", "who is there?", "me"]);
  const headers = headersOf(server, room);
  assert.equal(new Set(headers).size, headers.length);
});

test("lost ratchet states heal: the message is asked for again and takes its row (§4.6)", async () => {
  const { alice, bob, room } = await pair();
  bob.device.setOnline(false);
  await alice.device.call("sendMessage", { room, text: "while the sessions were lost" });
  await until("sent", async () => (await alice.device.rows(room)).at(-1).state === "sent");
  const dump = await dumpDatabase(bob.device.indexedDB);
  bob.device.engine.close();
  await restoreDatabase(bob.device.indexedDB, { ...dump, sessions: [] });
  await bob.device.reload();
  await bob.device.online();
  await until("a row that says so", async () =>
    bob.device.events.some(
      ([name, value]) =>
        name === "messages" && value.rows.some(({ kind }) => kind === "undecryptable"),
    ),
  );
  await bob.device.shows(room, ["before", "while the sessions were lost"]);
  const rows = await bob.device.rows(room);
  assert.deepEqual(
    rows.map(({ kind }) => kind),
    ["text", "text"],
  );
  await alice.device.call("sendMessage", { room, text: "and on" });
  await bob.device.shows(room, ["before", "while the sessions were lost", "and on"]);
});

test("a lost control message leaves no row behind when its sender says what it was", async () => {
  const { server, alice, bob, room } = await pair();
  await bob.device.call("sendMessage", { room, text: "answer" });
  await alice.device.shows(room, ["before", "answer"]);
  bob.device.setOnline(false);
  // The comparison is told to Alice's other device; Bob's gets a capsule that says nothing.
  const { device: second } = await logIn(server, alice);
  open.push(second);
  await second.online();
  await until("room", () => second.room(bob));
  await alice.device.call("setVerified", { user: bob.id, on: true });
  await until("told", () => server.rooms.get(room).log.length === 3);
  bob.device.engine.close();
  const dump = await dumpDatabase(bob.device.indexedDB);
  await restoreDatabase(bob.device.indexedDB, { ...dump, sessions: [] });
  await bob.device.reload();
  await until("asked", () =>
    bob.device.events.some(([name, value]) => name === "messages" && value.removed.length === 1),
  );
  const kinds = (await bob.device.rows(room)).map(({ kind }) => kind);
  assert.equal(kinds.includes("undecryptable"), false);
});

test("a device is asked for a reset at most once an hour, what comes in between waits (§4.6)", async () => {
  const { server, alice, bob, room } = await pair();
  await bob.device.call("sendMessage", { room, text: "answer" });
  await alice.device.shows(room, ["before", "answer"]);
  server.lie.entry = (entry, { user }) =>
    user === bob.id && entry.capsule?.pre === undefined && entry.capsule !== null
      ? { ...entry, capsule: { ...entry.capsule, sid: "A".repeat(22) } }
      : entry;
  const unread = async (next) =>
    (await bob.device.rows(room)).filter((row) => row.next === next).length;
  await alice.device.call("sendMessage", { room, text: "one" });
  await until("asked", async () => (await unread("asked-again")) === 1);
  await alice.device.call("sendMessage", { room, text: "two" });
  await until("waits", async () => (await unread("waiting")) >= 1);
  await new Promise((resolve) => {
    setTimeout(resolve, 1_500);
  });
  assert.equal(await unread("asked-again"), 1);
  const own = server.rooms.get(room).log.filter(({ sender }) => sender === bob.id);
  assert.equal(own.length, 2, "the answer and one reset");
  bob.device.clockOffsetMs = 3_700_000;
  await bob.device.reload();
  await until("asked", async () => (await unread("asked-again")) >= 2);
});

test("a database that was set back is noticed: sessions are dropped, the talk goes on (§6 row 27)", async () => {
  const { server, alice, bob, room } = await pair();
  const old = await dumpDatabase(alice.device.indexedDB);
  await alice.device.call("sendMessage", { room, text: "after the copy" });
  await bob.device.shows(room, ["before", "after the copy"]);
  alice.device.engine.close();
  await restoreDatabase(alice.device.indexedDB, old);
  await alice.device.reload();
  await alice.device.online();
  await until("noticed", () =>
    alice.device.errors.some(({ event }) => event === "state.rolled-back"),
  );
  await alice.device.call("sendMessage", { room, text: "from the old copy" });
  await bob.device.shows(room, ["before", "after the copy", "from the old copy"]);
  const headers = headersOf(server, room);
  assert.equal(new Set(headers).size, headers.length, "the old chain was not continued");
});

test("what is on the disk holds nothing that means something to a person (R-23)", async () => {
  const { alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "CANARY in a message" });
  await bob.device.shows(room, ["before", "CANARY in a message"]);
  await bob.device.call("saveDraft", { room, text: "CANARY in a draft" });
  bob.device.setOnline(false);
  await bob.device.call("sendMessage", { room, text: "CANARY in the outbox" });
  await until("stored", async () => (await bob.device.texts(room)).length === 3);
  for (const { device } of [alice, bob]) {
    const text = Buffer.from(
      JSON.stringify(await dumpDatabase(device.indexedDB), latin),
    ).toString();
    for (const canary of ["CANARY", "Alice", "Bob", "@example.org"]) {
      assert.equal(text.includes(canary), false, canary);
    }
  }
});

/** Bytes as the text they would be, so that a search finds them. */
function latin(_, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}
