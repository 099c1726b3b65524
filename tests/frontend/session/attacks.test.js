import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "./fake-server.js";
import { couple, logIn, signUp, startAnew, until } from "./people.js";

const open = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function pair(server = new FakeServer()) {
  const { alice, bob, room } = await couple(server);
  open.push(alice.device, bob.device);
  return { server, alice, bob, room };
}

const last = async (person, room) => (await person.device.rows(room)).at(-1);
const systems = async (person, room) =>
  (await person.device.rows(room)).filter(({ kind }) => kind === "system").map((r) => r.notice);

/** Somebody with keys of their own, whose device the server would like to slip in. */
async function mallory(server) {
  const person = await signUp(server, "Mallory");
  open.push(person.device);
  return { ...person, identity: server.identities.get(person.id) };
}

test("a ghost device in an unsigned list is refused and nothing is sent (§6 rows 1 and 12)", async () => {
  const { server, alice, bob, room } = await pair();
  const { identity } = await mallory(server);
  const honest = server.identities.get(bob.id);
  server.lie.directory = (answer) =>
    answer.user === bob.id
      ? { ...answer, lists: identity.lists, certificates: identity.certificates }
      : answer;
  server.tellListChanged(bob.id);
  await until("looked", () => alice.device.errors.length > 0);
  await alice.device.call("sendMessage", { room, text: "for Bob alone" });
  await until("failed", async () => (await last(alice, room)).state === "failed");
  assert.equal(server.rooms.get(room).log.length, 0);
  assert.deepEqual(server.identities.get(bob.id), honest);
});

test("a device that the account has not certified is refused though it is listed (§6 row 1)", async () => {
  const { server, alice, bob, room } = await pair();
  const { identity } = await mallory(server);
  server.lie.directory = (answer) => {
    if (answer.user !== bob.id) return answer;
    const [own] = answer.certificates;
    const [theirs] = identity.certificates;
    return { ...answer, certificates: [{ ...theirs, device_id: own.device_id }] };
  };
  server.tellListChanged(bob.id);
  await until("looked", () => alice.device.errors.length > 0);
  await alice.device.call("sendMessage", { room, text: "for Bob alone" });
  await until("failed", async () => (await last(alice, room)).state === "failed");
  assert.equal((await last(alice, room)).failure, "bad_signature");
  assert.equal(server.rooms.get(room).log.length, 0);
});

test("another account key stops sending until a person decides (§6 rows 11 and 26)", async () => {
  const { server, alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "to the Bob I know" });
  await bob.device.shows(room, ["to the Bob I know"]);
  alice.device.setOnline(false);
  await alice.device.call("sendMessage", { room, text: "queued" });
  const { identity } = await mallory(server);
  server.identities.set(bob.id, identity);
  server.lie.directory = (answer) => answer;
  // Mallory's lists name Mallory; the server cannot sign others, so the refusal is a signature, not a change.
  alice.device.setOnline(true);
  await until("held back", async () => (await last(alice, room)).state === "failed");
  assert.equal(server.rooms.get(room).log.length, 1, "nothing went to the other key");
});

test("a new identity of a person is shown, queued messages stay, and go only when told (§6 row 26)", async () => {
  const { server, alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "to the first" });
  await bob.device.shows(room, ["to the first"]);
  alice.device.setOnline(false);
  const { key } = await alice.device.call("sendMessage", { room, text: "queued" });
  await bob.device.call("logOut", { everywhere: true });
  const again = await startAnew(server, bob);
  open.push(again);
  await until("room", () => again.room(alice));
  alice.device.setOnline(true);
  await until("changed", () => alice.device.room(bob).peer.identity === "changed");
  await until("held back", async () => {
    const row = (await alice.device.rows(room)).find((r) => r.key === key);
    return row.state === "failed" && row.failure === "identity_changed";
  });
  assert.ok((await systems(alice, room)).includes("identity-changed"));
  assert.equal(alice.device.room(bob).sendBlocked, "identity");
  await assert.rejects(alice.device.call("sendMessage", { room, text: "no" }), {
    code: "identity_changed",
  });
  assert.equal(server.rooms.get(room).log.length, 1);
  await alice.device.call("acceptIdentity", { user: bob.id });
  await until("unblocked", () => alice.device.room(bob).sendBlocked === null);
  assert.equal(server.rooms.get(room).log.length, 1, "accepting sends nothing by itself");
  await alice.device.call("retryMessage", { room, key });
  await again.shows(room, ["queued"]);
});

test("a verified person who changes is compared again; a tap does not do (§4.9)", async () => {
  const { server, alice, bob, room } = await pair();
  const mine = await alice.device.call("safetyNumber", { user: bob.id });
  const theirs = await bob.device.call("safetyNumber", { user: alice.id });
  assert.deepEqual(mine.groups, theirs.groups);
  await alice.device.call("setVerified", { user: bob.id, on: true });
  await bob.device.call("logOut", { everywhere: true });
  const again = await startAnew(server, bob);
  open.push(again);
  await until("changed", () => alice.device.room(bob).peer.identity === "changed-verified");
  await assert.rejects(alice.device.call("acceptIdentity", { user: bob.id }), {
    code: "identity_changed",
  });
  const next = await alice.device.call("safetyNumber", { user: bob.id });
  assert.notDeepEqual(next.groups, mine.groups);
  await alice.device.call("setVerified", { user: bob.id, on: true });
  await alice.device.call("sendMessage", { room, text: "compared" });
  await again.shows(room, ["compared"]);
});

test("a list that goes back is refused, kept as evidence and told (§4.9)", async () => {
  const { server, alice, bob, room } = await pair();
  const { device: second } = await logIn(server, bob);
  open.push(second);
  await second.online();
  await until("room", () => second.room(alice));
  await alice.device.call("sendMessage", { room, text: "to two devices" });
  await second.shows(room, ["to two devices"]);
  server.lie.directory = (answer) =>
    answer.user === bob.id ? { ...answer, lists: answer.lists.slice(0, 0) } : answer;
  server.tellListChanged(bob.id);
  await until("told", async () => (await systems(alice, room)).includes("hidden-devices"));
  await alice.device.call("sendMessage", { room, text: "not on such a list" });
  await until("failed", async () => {
    const row = (await alice.device.rows(room)).find((r) => r.text === "not on such a list");
    return row.failure === "list_rollback";
  });
  server.lie.directory = (answer) => answer;
  await alice.device.call("sendMessage", { room, text: "still to both" });
  await second.shows(room, ["to two devices", "still to both"]);
});

test("a device that the server hides is noticed by what its owner says (§6 row 13)", async () => {
  const { server, alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "hello" });
  await bob.device.shows(room, ["hello"]);
  const tellListChanged = server.tellListChanged;
  server.tellListChanged = () => {};
  server.lie.directory = (answer, { viewer }) =>
    answer.user === alice.id && viewer === bob.id
      ? { ...answer, lists: answer.lists.filter(({ version }) => version === 1) }
      : answer;
  const { device: second } = await logIn(server, alice);
  open.push(second);
  await second.online();
  await until("room", () => second.room(bob));
  await alice.device.call("devices");
  await alice.device.call("sendMessage", { room, text: "from a list you do not see" });
  await until("warned", async () => (await systems(bob, room)).includes("hidden-devices"));
  server.tellListChanged = tellListChanged;
});

test("a message under another sender's name is not shown as theirs (§6 row 6)", async () => {
  const { server, alice, bob, room } = await pair();
  const { device: second } = await logIn(server, bob);
  open.push(second);
  await second.online();
  await until("room", () => second.room(alice));
  server.lie.entry = (entry, { device }) =>
    device === second.slices.device || entry.sender !== alice.id
      ? entry
      : {
          ...entry,
          sender: bob.id,
          sender_device: server.identities.get(bob.id).active.find((d) => d !== device),
        };
  await alice.device.call("sendMessage", { room, text: "signed by nobody else" });
  await until("a row", async () => (await bob.device.rows(room)).some((r) => r.seq === 1));
  const row = (await bob.device.rows(room)).find((r) => r.seq === 1);
  assert.equal(row.kind, "undecryptable");
});

test("a message moved to another room does not open there (§4.7)", async () => {
  const { server, alice, bob, room } = await pair();
  const carol = await signUp(server, "Carol");
  open.push(carol.device);
  await alice.device.call("sendMessage", { room, text: "for this room" });
  await bob.device.shows(room, ["for this room"]);
  const [entry] = server.rooms.get(room).log;
  const moved = { ...entry, seq: 2, msg_id: Buffer.alloc(16, 7).toString("base64url") };
  server.rooms.get(room).log.push(moved);
  server.announce(room, moved);
  await alice.device.call("sendMessage", { room, text: "next" });
  await bob.device.shows(room, ["for this room", "next"]);
});

test("a first message that is played again is dropped (§6 row 15)", async () => {
  const { server, alice, bob, room } = await pair();
  await alice.device.call("sendMessage", { room, text: "once" });
  await bob.device.shows(room, ["once"]);
  const [entry] = server.rooms.get(room).log;
  assert.ok(entry.capsules[0].pre, "it began a session");
  server.rooms.get(room).log.push({ ...entry, seq: 2 });
  server.rooms
    .get(room)
    .log.push({ ...entry, seq: 3, msg_id: Buffer.alloc(16, 9).toString("base64url") });
  server.announce(room, server.rooms.get(room).log[1]);
  server.announce(room, server.rooms.get(room).log[2]);
  await alice.device.call("sendMessage", { room, text: "then this" });
  await bob.device.shows(room, ["once", "then this"]);
  const rows = await bob.device.rows(room);
  assert.deepEqual(
    rows.map(({ kind }) => kind),
    ["text", "text"],
  );
});

test("a malformed entry becomes a row and does not stop the ones behind it", async () => {
  const { server, alice, bob, room } = await pair();
  const log = server.rooms.get(room).log;
  log.push({ seq: 1, msg_id: 5, sender: null, capsules: [] });
  log.push({ seq: 2, msg_id: "x".repeat(22), sender: alice.id, payload: {}, capsules: [] });
  await alice.device.call("sendMessage", { room, text: "well-formed" });
  await bob.device.shows(room, ["well-formed"]);
  const broken = (await bob.device.rows(room)).filter(({ kind }) => kind === "undecryptable");
  assert.deepEqual(
    broken.map(({ reason, next }) => [reason, next]),
    [
      ["unsupported", "lost"],
      ["unsupported", "lost"],
    ],
  );
});

test("a changed payload is refused, asked for again, and told apart from silence (§6 row 17)", async () => {
  const { server, alice, bob, room } = await pair();
  let flips = 1;
  server.lie.entry = (entry) => {
    if (flips === 0) return entry;
    flips -= 1;
    const bytes = Buffer.from(entry.payload, "base64url");
    bytes[20] ^= 1;
    return { ...entry, payload: bytes.toString("base64url") };
  };
  await alice.device.call("sendMessage", { room, text: "whole" });
  await until("row", async () => (await bob.device.rows(room)).length === 1);
  const [row] = await bob.device.rows(room);
  assert.deepEqual([row.kind, row.reason], ["undecryptable", "auth-failed"]);
  await until("asked", async () => (await bob.device.rows(room))[0].next === "asked-again");
});

test("an unknown type is a row of its own and gets no delivery receipt (§6 row 25)", async () => {
  const { server, alice, bob, room } = await pair();
  const { JSON: own } = globalThis;
  const stringify = own.stringify;
  own.stringify = (value, ...rest) =>
    value?.t === "text"
      ? stringify({ ...value, t: "hologram" }, ...rest)
      : stringify(value, ...rest);
  await alice.device.call("sendMessage", { room, text: "from the future" });
  await until("sent", async () => (await last(alice, room)).state === "sent");
  own.stringify = stringify;
  await until("row", async () => (await bob.device.rows(room)).length === 1);
  assert.equal((await last(bob, room)).kind, "unknown");
  await new Promise((resolve) => {
    setTimeout(resolve, 600);
  });
  assert.equal(server.rooms.get(room).marks[bob.id].delivered_seq, 0);
});

test("parameters below the floor are refused before anything is sent (§6 rows 11 and 21)", async () => {
  const { server, alice } = await pair();
  server.kdf = { alg: "argon2id", m_kib: 8, t: 1, p: 1 };
  await assert.rejects(logIn(server, alice), { code: "weak_kdf" });
  assert.equal(server.log.filter((line) => line === "POST /api/auth/login").length, 0);
});

test("a room whose id is not that of its two people is refused (§4.8)", async () => {
  const { server, alice, bob, room } = await pair();
  const forged = { ...server.rooms.get(room), id: Buffer.alloc(32, 1).toString("base64url") };
  server.rooms.set(forged.id, forged);
  await alice.device.reload();
  await alice.device.online();
  await until("looked", () => alice.device.errors.some(({ event }) => event === "room.refused"));
  assert.deepEqual(
    alice.device.slices.rooms.map(({ id }) => id),
    [room],
  );
  assert.ok(bob);
});

test("prekeys that run low are filled after a random while, not at once (§6 row 14)", async () => {
  const { server, alice } = await pair();
  const uploads = () => server.log.filter((line) => line === "POST /api/e2ee/prekeys").length;
  server.prekeys.get([...server.prekeys.keys()][0]).opks.length = 10;
  const before = uploads();
  alice.device.randomness = 0.0005; // of ten minutes
  server.tell([alice.id], { type: "prekeys.low", opk: 10 });
  await new Promise((resolve) => {
    setTimeout(resolve, 150);
  });
  assert.equal(uploads(), before);
  await until("filled", () => uploads() > before);
  assert.equal(server.prekeys.get([...server.prekeys.keys()][0]).opks.length, 100);
});
