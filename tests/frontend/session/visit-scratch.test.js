import assert from "node:assert/strict";
import { test } from "node:test";

import { openVisitScratch } from "../../../frontend/js/session/visit-scratch.js";

/** Folders by name, as `navigator.storage.getDirectory()` shows them. */
function fakeRoot(...names) {
  const folders = new Set(names);
  const file = {
    createSyncAccessHandle: async () => ({ write: ({ length }) => length, flush() {}, close() {} }),
    getFile: async () => new File([], "x"),
  };
  return {
    folders,
    async *keys() {
      yield* [...folders];
    },
    async getDirectoryHandle(name) {
      folders.add(name);
      return { getFileHandle: async () => file, removeEntry: async () => {} };
    },
    async removeEntry(name) {
      if (!folders.delete(name)) throw new DOMException("gone", "NotFoundError");
    },
  };
}

/** Web Locks of which nobody ever lets go. */
function fakeLocks(...names) {
  const held = new Set(names);
  return {
    request: async (name, work) => {
      held.add(name);
      await work();
    },
    query: async () => ({ held: [...held].map((name) => ({ name })) }),
  };
}

test("a visit sweeps what dead visits left, and nothing that belongs to anybody alive", async () => {
  const root = fakeRoot("scratch", "parts", "link-dead", "link-alive");
  await openVisitScratch(async () => root, fakeLocks("link-alive", "sealroom-engine"));
  assert.deepEqual([...root.folders].sort(), ["link-alive", "parts", "scratch"]);
});

test("two visits side by side have folders of their own", async () => {
  const [root, locks] = [fakeRoot(), fakeLocks()];
  for (let visit = 1; visit <= 2; visit += 1) {
    const scratch = await openVisitScratch(async () => root, locks);
    await (await scratch.open()).write(Uint8Array.of(1));
    assert.equal(root.folders.size, visit);
  }
});

test("a browser without such files is no reason to fail", async () => {
  const noRoot = () => Promise.reject(new DOMException("private browsing", "SecurityError"));
  const scratch = await openVisitScratch(noRoot, fakeLocks());
  const draft = await scratch.open();
  await draft.write(Uint8Array.of(1, 2, 3));
  assert.equal((await draft.finish()).size, 3);
});
