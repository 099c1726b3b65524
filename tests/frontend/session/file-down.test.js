import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as settle } from "node:timers/promises";

import { IDBFactory } from "fake-indexeddb";

import { dumpEntry, makeFileId } from "../../../frontend/js/crypto/file-manifest.js";
import { padFile, sealedSize } from "../../../frontend/js/crypto/file-padding.js";
import { createFileDown } from "../../../frontend/js/session/file-down.js";
import { keepContent } from "../../../frontend/js/session/kept-content.js";
import { createShelf } from "../../../frontend/js/session/shelf.js";
import { createTraffic } from "../../../frontend/js/session/traffic.js";
import { openDatabase } from "../../../frontend/js/storage/db.js";

const MIB = 1024 ** 2;
const MINUTE_MS = 60_000;

/** A clock whose hands the test moves. */
function fakeClock() {
  let nowMs = 0;
  const sleepers = [];
  return {
    nowMs: () => nowMs,
    sleep: (delayMs) =>
      new Promise((resolve) => {
        sleepers.push({ atMs: nowMs + delayMs, resolve });
      }),
    async advance(byMs) {
      nowMs += byMs;
      for (const { atMs, resolve } of sleepers) if (atMs <= nowMs) resolve();
      await settle();
    },
  };
}

/** Files on a shelf, opened as often as a test asks, of whatever size it says they have. */
async function opening() {
  const clock = fakeClock();
  const db = await openDatabase(new IDBFactory());
  const shelf = createShelf({ db, clock }, { isNeeded: () => false, keptBytes: MIB });
  const traffic = createTraffic({ clock, random: () => 0 }, { isOnline: () => true });
  const drafts = new Set();
  const scratch = {
    async open() {
      const draft = {
        write: async () => {},
        finish: async () => new Blob(),
        discard: async () => void drafts.delete(draft),
      };
      drafts.add(draft);
      return draft;
    },
  };
  const fileDown = createFileDown({ clock }, { calls: {}, shelf, traffic, scratch });
  return {
    clock,
    openCount: () => drafts.size,
    async kept() {
      const fileId = makeFileId();
      const content = [Uint8Array.of(1, 2, 3)];
      const kept = await keepContent(shelf, "room", padFile(content, 3), { fileId });
      const sizes = { sizeBytes: 3, encryptedBytes: sealedSize(3) };
      return dumpEntry({ ...kept, ...sizes, name: "a", mime: "" });
    },
    fetch: (entry, size) =>
      fileDown.fetch({
        entry,
        room: "room",
        toFile: () => ({ size }),
        tell: () => {},
        changed: async () => {},
        refused: assert.fail,
      }),
  };
}

test("opened files are bounded in bytes; the newest stay for as long as a browser may be copying them", async () => {
  const { clock, openCount, kept, fetch } = await opening();
  const [a, b, c] = [await kept(), await kept(), await kept()];
  await fetch(a, 600 * MIB);
  await fetch(b, 600 * MIB);
  await clock.advance(MINUTE_MS / 2);
  await fetch(c, 600 * MIB);
  assert.equal(openCount(), 3);
  await clock.advance(MINUTE_MS / 2);
  assert.equal(openCount(), 1, "two are over the bound and old enough");
  await fetch(a, 5_000 * MIB);
  await clock.advance(MINUTE_MS);
  assert.equal(openCount(), 1, "the newest stays, however large it is");
});

test("opened files are bounded in number, and one that is used again counts as new", async () => {
  const { clock, openCount, kept, fetch } = await opening();
  const entry = await kept();
  const first = await fetch(entry, MIB);
  for (let i = 0; i < 64; i += 1) await fetch(await kept(), MIB);
  assert.equal(await fetch(entry, MIB), first);
  await clock.advance(MINUTE_MS);
  assert.equal(openCount(), 64);
  assert.equal(await fetch(entry, MIB), first);
});
