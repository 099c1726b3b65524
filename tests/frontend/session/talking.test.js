import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "./fake-server.js";
import { couple, logIn, until } from "./people.js";

const open = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function pair(server = new FakeServer()) {
  const { alice, bob, room } = await couple(server);
  open.push(alice.device, bob.device);
  return { server, alice, bob, room };
}

test("two people talk both ways and see the ticks of their messages", async () => {
  const { alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "hello" });
  await bob.device.shows(room, ["hello"]);
  await bob.device.call("sendMessage", { room, text: "good day" });
  await alice.device.shows(room, ["hello", "good day"]);
  const state = async () => (await alice.device.rows(room))[0].state;
  await until("delivered", async () => (await state()) === "delivered");
  await bob.device.call("markRead", { room, seq: 1 });
  await until("read", async () => (await state()) === "read");
  assert.equal(alice.device.room(bob).unread, 1);
  assert.deepEqual(alice.device.errors, []);
  assert.deepEqual(bob.device.errors, []);
});

test("messages are shown in the order they were typed", async () => {
  const { alice, bob, room } = await pair();
  const texts = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  await Promise.all(texts.map((text) => alice.device.call("sendMessage", { room, text })));
  await bob.device.shows(room, texts);
  await alice.device.shows(room, texts);
});

test("what is typed without a network arrives once, in order, when it is back", async () => {
  const { alice, bob, room } = await pair();
  alice.device.setOnline(false);
  await alice.device.call("sendMessage", { room, text: "one" });
  await alice.device.call("sendMessage", { room, text: "two" });
  await bob.device.call("sendMessage", { room, text: "meanwhile" });
  assert.equal((await alice.device.rows(room)).at(-1).state, "pending");
  alice.device.setOnline(true);
  await bob.device.shows(room, ["meanwhile", "one", "two"]);
  await alice.device.shows(room, ["meanwhile", "one", "two"]);
});

test("a second browser is signed in by the password and contacts see no key change", async () => {
  const { server, alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "before" });
  await bob.device.shows(room, ["before"]);
  const { device: second, step } = await logIn(server, alice);
  open.push(second);
  assert.equal(step.step, "ready");
  await second.online();
  await until("room", () => second.room(bob));
  await bob.device.call("sendMessage", { room, text: "to both" });
  await second.shows(room, ["to both"]);
  await alice.device.shows(room, ["before", "to both"]);
  const [first] = await second.rows(room);
  assert.deepEqual([first.kind, first.reason], ["undecryptable", "before-this-device"]);
  await second.call("sendMessage", { room, text: "from the second" });
  await bob.device.shows(room, ["before", "to both", "from the second"]);
  await alice.device.shows(room, ["before", "to both", "from the second"]);
  assert.equal((await alice.device.rows(room)).at(-1).mine, true);
  assert.equal(bob.device.room(alice).peer.identity, "new");
  const notices = (await bob.device.rows(room)).filter(({ kind }) => kind === "system");
  assert.deepEqual(
    notices.map(({ notice }) => notice),
    ["new-device"],
  );
});

test("both writing first at the same moment end with one session and lose nothing", async () => {
  const { server, alice, bob, room } = await pair();
  server.holdEvents = true;
  await Promise.all([
    alice.device.call("sendMessage", { room, text: "a" }),
    bob.device.call("sendMessage", { room, text: "b" }),
  ]);
  await until("both in the log", () => server.rooms.get(room).log.length === 2);
  server.holdEvents = false;
  for (const entry of server.rooms.get(room).log) server.announce(room, entry);
  await until("a", async () => (await bob.device.texts(room)).length === 2);
  await until("b", async () => (await alice.device.texts(room)).length === 2);
  for (let i = 0; i < 4; i += 1) {
    await alice.device.call("sendMessage", { room, text: `a${i}` });
    await bob.device.call("sendMessage", { room, text: `b${i}` });
  }
  await until("all", async () => (await bob.device.texts(room)).length === 10);
  await until("all", async () => (await alice.device.texts(room)).length === 10);
  const sids = new Set(
    server.rooms
      .get(room)
      .log.slice(-2)
      .map(({ capsules }) => capsules[0].sid),
  );
  assert.equal(sids.size, 1, "both send on the session that won");
});

test("a lost event is noticed by the gap and fetched", async () => {
  const { server, alice, bob, room } = await pair();
  server.holdEvents = true;
  await alice.device.call("sendMessage", { room, text: "lost event" });
  await until("stored", () => server.rooms.get(room).log.length === 1);
  server.holdEvents = false;
  await alice.device.call("sendMessage", { room, text: "next" });
  await bob.device.shows(room, ["lost event", "next"]);
});

test("a new set of devices is sealed to without changing the payload", async () => {
  const { server, alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "first" });
  await bob.device.shows(room, ["first"]);
  const tellListChanged = server.tellListChanged;
  server.tellListChanged = () => {};
  const { device: second } = await logIn(server, bob);
  open.push(second);
  const payloads = [];
  server.refuse = (method, path, body) => {
    if (path === "message.send") payloads.push(body.payload);
    return null;
  };
  await alice.device.call("sendMessage", { room, text: "to both" });
  await second.online();
  await until("room", () => second.room(alice));
  await second.shows(room, ["to both"]);
  await bob.device.shows(room, ["first", "to both"]);
  assert.equal(payloads.length, 2, "refused once as stale, then accepted");
  assert.equal(payloads[0], payloads[1]);
  server.tellListChanged = tellListChanged;
});

test("a refused message waits for a person, who can try again or discard it", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => (path === "message.send" ? [413, "too_large"] : null);
  const { key } = await alice.device.call("sendMessage", { room, text: "kept" });
  const { key: unwanted } = await alice.device.call("sendMessage", { room, text: "unwanted" });
  await until("failed", async () =>
    (await alice.device.rows(room)).every(({ state }) => state === "failed"),
  );
  assert.equal((await alice.device.rows(room))[0].failure, "too_large");
  server.refuse = () => null;
  await alice.device.call("discardMessage", { room, key: unwanted });
  await alice.device.call("retryMessage", { room, key });
  await bob.device.shows(room, ["kept"]);
  await alice.device.shows(room, ["kept"]);
  await alice.device.call("sendMessage", { room, text: "after" });
  await bob.device.shows(room, ["kept", "after"]);
  const systems = (await bob.device.rows(room)).filter(({ kind }) => kind === "system");
  assert.deepEqual(systems, [], "a discarded message is not a missing one");
});

test("a room that ends takes its plaintext along", async () => {
  const { alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "for a while" });
  await bob.device.shows(room, ["for a while"]);
  await alice.device.call("deleteRoom", { room });
  await until("gone", () => bob.device.slices.rooms.length === 0);
  await assert.rejects(bob.device.rows(room), { code: "not_found" });
});

test("history is paged by order and cut where it is asked", async () => {
  const { alice, bob, room } = await pair();
  const texts = Array.from({ length: 12 }, (_, i) => `m${i}`);
  for (const text of texts) await alice.device.call("sendMessage", { room, text });
  await bob.device.shows(room, texts);
  const page = async (query) => {
    const { rows, ...more } = await bob.device.call("messages", { room, ...query });
    return [rows.map(({ text }) => text).join(" "), more.hasOlder, more.hasNewer];
  };
  assert.deepEqual(await page({ limit: 3 }), ["m9 m10 m11", true, false]);
  assert.deepEqual(await page({ limit: 3, before: 4 }), ["m0 m1 m2", false, true]);
  assert.deepEqual(await page({ limit: 3, after: 10 }), ["m10 m11", true, false]);
  assert.deepEqual(await page({ limit: 4, around: 6 }), ["m3 m4 m5 m6", true, true]);
});
