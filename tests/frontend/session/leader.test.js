import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { joinTabs } from "../../../frontend/js/session/leader.js";
import { AppError } from "../../../frontend/js/lib/errors.js";
import { systemClock } from "../../../frontend/js/lib/clock.js";
import { createLocks } from "./fake-locks.js";
import { FakeServer } from "./fake-server.js";
import { couple, Device, until } from "./people.js";

const CHANNEL = "sealroom-test";
const open = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** Forty times as fast. */
const clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 40, signal) };

/** What a tab has of its browser: while it sleeps nothing is handed over, and afterwards all in its order. */
function surroundings(locks) {
  const channel = new BroadcastChannel(CHANNEL);
  let missed = null;
  const hand = (over) => (missed === null ? over() : missed.push(over));
  const line = {
    onmessage: null,
    postMessage: (note) => channel.postMessage(note),
    close: () => channel.close(),
  };
  channel.onmessage = (note) => hand(() => line.onmessage(note));
  return {
    channel: line,
    locks: {
      query: () => locks.query(),
      request: (...how) =>
        new Promise((resolve, reject) => {
          locks.request(...how).then(resolve, (error) => hand(() => reject(error)));
        }),
    },
    sleep() {
      missed = [];
    },
    async wake() {
      const kept = missed;
      missed = null;
      for (const over of kept) {
        over();
        await new Promise(setImmediate);
      }
    },
  };
}

/** A tab whose engine is a function; a call that holds is never answered. */
function tab(locks, name, { held = new Promise(() => {}), log = [], started, patience = 0 } = {}) {
  const { sleep, wake, ...browser } = surroundings(locks);
  const events = [];
  const tabs = joinTabs({
    ...browser,
    clock,
    random: () => patience,
    onEvent: (event, value) => events.push([event, value]),
    onDeposed: () => events.push(["deposed", name]),
    async lead(emit) {
      await started;
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
  return { ...tabs, events, sleep, wake };
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

test("a tab that sleeps with the lock loses it, and learns of it when it wakes up", async () => {
  const locks = createLocks();
  const log = [];
  const first = tab(locks, "first", { log });
  const second = tab(locks, "second", { log });
  await second.call("devices", {});
  first.sleep();
  assert.equal((await second.call("sendMessage", {})).by, "second");
  const silence = ["connection", { status: "connecting" }];
  assert.deepEqual(second.events.at(0), ["leading", "first"]);
  assert.ok(second.events.some((event) => JSON.stringify(event) === JSON.stringify(silence)));
  await first.wake();
  await until("deposed", () => first.events.some(([name]) => name === "deposed"));
  assert.equal(first.isLeading(), false);
  assert.deepEqual(
    log.filter(([, call]) => call === "sendMessage").map(([by]) => by),
    ["second"],
    "what was asked while it slept is not done twice",
  );
});

test("a tab that is opened beside one that sleeps begins by itself", async () => {
  const locks = createLocks();
  const first = tab(locks, "first");
  await first.call("devices", {});
  first.sleep();
  const [second, third] = [tab(locks, "second", { patience: 0.9 }), tab(locks, "third")];
  const leaders = await Promise.all(
    [second, third].map(async (one) => (await one.call("boot", {})).by),
  );
  assert.equal(leaders[0], leaders[1]);
  assert.deepEqual([second, third].filter((one) => one.isLeading()).length, 1);
  assert.equal(
    [...second.events, ...third.events].filter(([name]) => name === "deposed").length,
    0,
  );
});

test("a tab that takes long to start is not taken for one that sleeps", async () => {
  const locks = createLocks();
  tab(locks, "first", { started: clock.sleep(30_000) });
  const second = tab(locks, "second");
  assert.equal((await second.call("boot", {})).by, "first");
  assert.equal(second.isLeading(), false);
  assert.deepEqual(second.events, [["leading", "first"]]);
});

test("a tab that was silent for a moment is asked how things stand", async () => {
  const locks = createLocks();
  const log = [];
  const first = tab(locks, "first", { log });
  const second = tab(locks, "second");
  await second.call("devices", {});
  first.sleep();
  await until("silence", () => second.events.some(([name]) => name === "connection"));
  await first.wake();
  await until("asked", () => log.some(([, call]) => call === "boot"));
  assert.equal(second.isLeading(), false);
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
      clock,
      random: () => 0,
      onEvent() {},
      onDeposed() {},
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
