import assert from "node:assert/strict";
import { test } from "node:test";

import { askToKeep } from "../../../frontend/js/session/client.js";

/** A browser's answers, since the process has no storage that could be asked about: an open question stays open. */
function browser({ persisted = false, answered = true } = {}) {
  const kept = new Map();
  const asked = [];
  const manager = {
    persisted: async () => persisted,
    persist() {
      asked.push("persist");
      return answered ? Promise.resolve(false) : new Promise(() => {});
    },
  };
  const storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  };
  return { manager, storage, asked };
}

const WEEK_MS = 7 * 24 * 3_600_000;
const NOW_MS = 1_700_000_000_000;

test("a browser that says no is asked again after a week", async () => {
  const { manager, storage, asked } = browser();
  await askToKeep(manager, storage, NOW_MS);
  await askToKeep(manager, storage, NOW_MS + WEEK_MS - 1);
  assert.equal(asked.length, 1);
  await askToKeep(manager, storage, NOW_MS + WEEK_MS);
  assert.equal(asked.length, 2);
});

test("a question that is left open is not put again by the next page", async () => {
  const { manager, storage, asked } = browser({ answered: false });
  void askToKeep(manager, storage, NOW_MS);
  await new Promise(setImmediate);
  assert.equal(asked.length, 1);
  await askToKeep(manager, storage, NOW_MS + 1);
  assert.equal(asked.length, 1);
});

test("a browser that keeps everything anyway is asked nothing", async () => {
  const { manager, storage, asked } = browser({ persisted: true });
  await askToKeep(manager, storage, NOW_MS);
  assert.equal(asked.length, 0);
  await askToKeep(undefined, storage, NOW_MS);
});
