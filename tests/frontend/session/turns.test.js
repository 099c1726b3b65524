import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as settle } from "node:timers/promises";

import { createTurns } from "../../../frontend/js/session/turns.js";

const SMALL = 8 * 1024 ** 2;
const LARGE = SMALL + 1;

/** Turns of which a test sees who is at it, and ends them by name. */
function watched() {
  const turns = createTurns();
  const ends = new Map();
  const ask = (name, sizeBytes, signal = new AbortController().signal) =>
    turns.run({ sizeBytes, signal }, async () => {
      await new Promise((resolve, reject) => {
        ends.set(name, { resolve, reject });
      });
      ends.delete(name);
      return name;
    });
  const end = async (name) => {
    ends.get(name).resolve();
    await settle();
  };
  return { ask, end, ends, running: () => [...ends.keys()].sort().join("") };
}

test("two large files move at a time, and a small one beside them", async () => {
  const { ask, end, running } = watched();
  for (const name of "abc") void ask(name, LARGE);
  for (const name of "xy") void ask(name, SMALL);
  await settle();
  assert.equal(running(), "abx");
  await end("x");
  assert.equal(running(), "aby", "the place that is left is for small files");
  await end("y");
  assert.equal(running(), "ab");
  await end("a");
  assert.equal(running(), "bc");
});

test("many small files do not keep a large one from its turn", async () => {
  const { ask, end, running } = watched();
  for (const name of "xyz") void ask(name, SMALL);
  void ask("a", LARGE);
  for (const name of "uvw") void ask(name, SMALL);
  await settle();
  assert.equal(running(), "xyz");
  await end("x");
  assert.equal(running(), "ayz");
  await end("y");
  assert.equal(running(), "auz");
});

test("whoever fails leaves the place to the next one", async () => {
  const { ask, ends, running } = watched();
  const failing = ask("a", LARGE);
  void ask("b", LARGE);
  void ask("c", LARGE);
  await settle();
  ends.get("a").reject(new Error("broken"));
  await assert.rejects(failing, { message: "broken" });
  ends.delete("a");
  await settle();
  assert.equal(running(), "bc");
});

test("whoever gives up while waiting is told at once, and takes no place", async () => {
  const { ask, end, running } = watched();
  void ask("a", LARGE);
  void ask("b", LARGE);
  const abort = new AbortController();
  const waiting = ask("c", LARGE, abort.signal);
  void ask("d", LARGE);
  abort.abort(new Error("not wanted"));
  await assert.rejects(waiting, { message: "not wanted" });
  await assert.rejects(ask("e", LARGE, abort.signal), { message: "not wanted" });
  await end("a");
  assert.equal(running(), "bd");
});
