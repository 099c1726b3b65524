import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { joinTabs } from "../../../frontend/js/session/leader.js";
import { AppError } from "../../../frontend/js/lib/errors.js";
import { FakeServer } from "./fake-server.js";
import { couple, createLocks, Device, until } from "./people.js";

const CHANNEL = "sealroom-test";
const open = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A tab whose engine is a function; a call that holds is never answered. */
function tab(locks, name, { held = new Promise(() => {}), log = [] } = {}) {
  const channel = new BroadcastChannel(CHANNEL);
  const events = [];
  const tabs = joinTabs({
    locks,
    channel,
    onEvent: (event, value) => events.push([event, value]),
    async lead(emit) {
      emit("leading", name);
      return async (call, argument, context) => {
        log.push([name, call, context.msgId]);
        if (argument.hold) await held;
        if (argument.fail) throw new AppError("not_found");
        return { by: name, msgId: context.msgId };
      };
    },
  });
  open.push(() => tabs.leave());
  return { ...tabs, events, channel };
}

test("one tab leads, the others ask it and hear its events", async () => {
  const locks = createLocks();
  const first = tab(locks, "first");
  const second = tab(locks, "second");
  assert.equal((await first.call("devices", {})).by, "first");
  assert.equal((await second.call("devices", {})).by, "first");
  assert.equal(second.isLeading(), false);
  await assert.rejects(second.call("devices", { fail: true }), { code: "not_found" });
});

test("a call made before anybody leads is answered when somebody does", async () => {
  const locks = createLocks();
  let start;
  const gate = new Promise((resolve) => {
    start = resolve;
  });
  void locks.request("sealroom-engine", () => gate);
  const only = tab(locks, "only");
  const answer = only.call("boot", {});
  start();
  assert.equal((await answer).by, "only");
});

test("when the leading tab goes another takes over and repeats what may be repeated", async () => {
  const locks = createLocks();
  const log = [];
  const first = tab(locks, "first", { log });
  const second = tab(locks, "second", { log });
  await second.call("devices", {});
  const sending = second.call("sendMessage", { hold: true });
  await until("taken", () => log.some(([, call]) => call === "sendMessage"));
  const once = second.call("signUp", { hold: true });
  await until("taken", () => log.some(([, call]) => call === "signUp"));
  await new Promise(setImmediate);
  const refused = assert.rejects(once, { code: "unavailable" });
  first.leave();
  await refused;
  await until("repeated", () => log.filter(([, call]) => call === "sendMessage").length === 2);
  const [one, two] = log.filter(([, call]) => call === "sendMessage");
  assert.deepEqual([one[0], two[0]], ["first", "second"]);
  assert.equal(one[2], two[2], "the same message, not a second one");
  assert.equal(log.filter(([, call]) => call === "signUp").length, 1);
  void sending;
});

test("strange notes on the channel are ignored (S-35)", async () => {
  const locks = createLocks();
  const first = tab(locks, "first");
  await first.call("devices", {});
  const stranger = new BroadcastChannel(CHANNEL);
  const notes = [
    null,
    5,
    "call",
    { kind: "call" },
    { kind: "call", tab: 1, id: {}, name: "logOut" },
  ];
  for (const note of notes) stranger.postMessage(note);
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  assert.equal((await first.call("devices", {})).by, "first");
  stranger.close();
});

test("two tabs send at once, the leading one dies, and every message is there once (§6 row 28)", async () => {
  const server = new FakeServer();
  const { alice, bob, room } = await couple(server);
  alice.device.engine.close();
  alice.device.setOnline(true);
  const locks = createLocks();
  const devices = [];
  const join = () => {
    const device = new Device(server, {
      indexedDB: alice.device.indexedDB,
      browser: alice.device.browser,
    });
    const tabs = joinTabs({
      locks,
      channel: new BroadcastChannel(CHANNEL),
      onEvent() {},
      async lead() {
        await device.start();
        devices.push(device);
        return (name, argument, context) => device.engine.call(name, argument, context);
      },
    });
    return { device, tabs };
  };
  const [one, two] = [join(), join()];
  open.push(
    () => bob.device.close(),
    () => two.device.close(),
    () => two.tabs.leave(),
  );
  const send = (tabs, text) => tabs.call("sendMessage", { room, text });
  await send(two.tabs, "first");
  const sent = [0, 1, 2, 3].flatMap((i) => [
    send(two.tabs, `two ${i}`),
    i < 2 ? send(one.tabs, `one ${i}`) : null,
  ]);
  await sent[1];
  // The process of the leading tab is gone: its engine does nothing more, the browser frees the lock.
  one.device.die();
  alice.device.browser.setOnline(true);
  one.tabs.leave();
  await Promise.all(sent.filter((_, i) => i % 2 === 0));
  assert.equal(devices.length, 2);
  await until(
    "all",
    async () => (await bob.device.texts(room)).filter((t) => t.startsWith("two")).length === 4,
  );
  const texts = await bob.device.texts(room);
  assert.equal(new Set(texts).size, texts.length);
  assert.deepEqual(
    texts.filter((text) => text.startsWith("two")),
    ["two 0", "two 1", "two 2", "two 3"],
  );
});
