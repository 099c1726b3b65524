import assert from "node:assert/strict";
import { test } from "node:test";

import { systemClock } from "../../../frontend/js/lib/clock.js";
import { Disposables } from "../../../frontend/js/lib/disposables.js";
import { createEmitter } from "../../../frontend/js/lib/emitter.js";
import { AppError, DecryptError } from "../../../frontend/js/lib/errors.js";
import { createLog } from "../../../frontend/js/lib/log.js";
import { delayMs, retry } from "../../../frontend/js/lib/retry.js";

/** A clock on which sleeping takes no time and is written down. */
function makeClock() {
  const slept = [];
  return { slept, nowMs: () => 0, sleep: async (ms) => void slept.push(ms) };
}

const always = () => true;

test("an error says its code, and a failed decryption its reason and cost", () => {
  const error = new AppError("rate_limited", "too many");
  assert.equal(error.code, "rate_limited");
  assert.equal(error.message, "rate_limited: too many");
  assert.equal(new AppError("offline").message, "offline");
  const failed = new DecryptError("too-far", 3);
  assert.ok(failed instanceof AppError);
  assert.deepEqual(
    [failed.code, failed.reason, failed.derivations],
    ["undecryptable", "too-far", 3],
  );
  assert.equal(new DecryptError("duplicate").derivations, 0);
});

test("a listener hears until it unsubscribes, and one that fails does not deafen the others", () => {
  const errors = [];
  const emitter = createEmitter((error) => errors.push(error.message));
  const heard = [];
  const off = emitter.on("a", (detail) => heard.push(detail));
  emitter.on("a", () => {
    throw new Error("boom");
  });
  emitter.on("a", (detail) => heard.push(detail * 10));
  emitter.emit("a", 1);
  off();
  off();
  emitter.emit("a", 2);
  emitter.emit("nobody listens", 3);
  assert.deepEqual(heard, [1, 10, 20]);
  assert.deepEqual(errors, ["boom", "boom"]);
});

test("a listener that unsubscribes while it is called does not disturb the round", () => {
  const emitter = createEmitter();
  const heard = [];
  const off = emitter.on("a", () => {
    off();
    heard.push("first");
  });
  emitter.on("a", () => heard.push("second"));
  emitter.emit("a", null);
  emitter.emit("a", null);
  assert.deepEqual(heard, ["first", "second", "second"]);
});

test("a function subscribed twice is heard twice and ends one at a time", () => {
  const emitter = createEmitter();
  let heard = 0;
  const listener = () => (heard += 1);
  const off = emitter.on("a", listener);
  emitter.on("a", listener);
  emitter.emit("a", null);
  off();
  emitter.emit("a", null);
  assert.equal(heard, 3);
});

test("without a handler of its own, a failing listener reaches the global one", async () => {
  const emitter = createEmitter();
  emitter.on("a", () => {
    throw new Error("unhandled on purpose");
  });
  const reported = new Promise((resolve) => {
    // The runner has a listener of its own, which would fail the test.
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      for (const other of others) process.on("uncaughtException", other);
      resolve(error.message);
    });
  });
  emitter.emit("a", null);
  assert.equal(await reported, "unhandled on purpose");
});

test("disposal undoes everything once, the last first, even when one fails", () => {
  const done = [];
  const disposables = new Disposables();
  disposables.add(() => done.push(1));
  disposables.add(() => {
    throw new Error("second");
  });
  disposables.add(() => done.push(3));
  assert.throws(() => disposables.dispose(), { message: "second" });
  disposables.dispose();
  assert.deepEqual(done, [3, 1]);
  disposables.add(() => done.push("late"));
  assert.deepEqual(done, [3, 1, "late"]);
});

test("a listener on a target ends with its disposables", () => {
  const target = new EventTarget();
  const disposables = new Disposables();
  let heard = 0;
  disposables.listen(target, "ping", () => (heard += 1));
  target.dispatchEvent(new Event("ping"));
  disposables.dispose();
  target.dispatchEvent(new Event("ping"));
  assert.equal(heard, 1);
});

test("a log line carries numbers and codes, and nothing that a person wrote", () => {
  const lines = [];
  const log = createLog({ level: "debug", sink: (...line) => lines.push(line) });
  log.warn("message.failed", {
    attempts: 3,
    final: true,
    code: "rate_limited",
    text: "Meet me at eight",
    email: "alice@example.com",
    key: new Uint8Array(32).fill(7),
    error: new AppError("offline", "alice@example.com"),
    other: new TypeError("alice@example.com"),
    object: { email: "alice@example.com" },
    nothing: null,
  });
  log.debug("started");
  assert.deepEqual(lines, [
    [
      "warn",
      "message.failed",
      {
        attempts: 3,
        final: true,
        code: "rate_limited",
        text: "[16 characters]",
        email: "[17 characters]",
        key: "[32 bytes]",
        error: "offline",
        other: "[TypeError]",
        object: "[object]",
        nothing: "[object]",
      },
    ],
    ["debug", "started", {}],
  ]);
});

test("lines below the level are not written", (context) => {
  const written = ["debug", "info", "warn", "error"].map((level) =>
    context.mock.method(console, level, () => {}),
  );
  const log = createLog();
  for (const level of ["debug", "info", "warn", "error"]) log[level]("event.happened");
  assert.deepEqual(
    written.map((method) => method.mock.callCount()),
    [0, 0, 1, 1],
  );
});

test("delays double up to their bound and are spread over the whole range", () => {
  const backoff = { firstMs: 100, maxMs: 1_000 };
  const bounds = [0, 1, 2, 3, 4, 50].map((attempt) => delayMs(backoff, attempt, () => 1));
  assert.deepEqual(bounds, [100, 200, 400, 800, 1_000, 1_000]);
  assert.equal(
    delayMs(backoff, 3, () => 0),
    0,
  );
  assert.ok(delayMs(backoff, 3) <= 800);
});

test("an action is tried again until it succeeds", async () => {
  const clock = makeClock();
  const options = { clock, isRetryable: always, firstMs: 100, maxMs: 1_000, random: () => 1 };
  const action = async (attempt) => {
    if (attempt < 3) throw new AppError("unavailable");
    return `attempt ${attempt}`;
  };
  assert.equal(await retry(action, options), "attempt 3");
  assert.deepEqual(clock.slept, [100, 200, 400]);
});

test("a final error or the last attempt ends it at once, with its own error", async () => {
  const clock = makeClock();
  const options = { clock, firstMs: 1, maxMs: 1 };
  let calls = 0;
  const action = async () => {
    calls += 1;
    throw new AppError("forbidden");
  };
  await assert.rejects(retry(action, { ...options, isRetryable: () => false }), {
    code: "forbidden",
  });
  assert.equal(calls, 1);
  await assert.rejects(retry(action, { ...options, isRetryable: always, attempts: 3 }));
  assert.equal(calls, 4);
});

test("it never comes back sooner than the server asked", async () => {
  const clock = makeClock();
  const retryAfterMs = () => 5_000;
  const action = async (attempt) => {
    if (attempt === 0) throw new AppError("rate_limited");
  };
  const backoff = { firstMs: 1, maxMs: 1 };
  await retry(action, { clock, isRetryable: always, retryAfterMs, ...backoff });
  assert.deepEqual(clock.slept, [5_000]);
});

test("aborting ends the waiting, and an aborted action is not begun", async () => {
  const controller = new AbortController();
  const sleeping = systemClock.sleep(60_000, controller.signal);
  controller.abort(new AppError("stopped"));
  await assert.rejects(sleeping, { code: "stopped" });
  await assert.rejects(systemClock.sleep(0, controller.signal), { code: "stopped" });
  const options = { clock: systemClock, isRetryable: always, firstMs: 1, maxMs: 1 };
  const retrying = retry(() => assert.fail("begun"), { ...options, signal: controller.signal });
  await assert.rejects(retrying, { code: "stopped" });
});

test("the system's clock tells the time and sleeps", async () => {
  const startMs = systemClock.nowMs();
  await systemClock.sleep(5);
  await systemClock.sleep(1, new AbortController().signal);
  assert.ok(systemClock.nowMs() >= startMs + 4);
});
