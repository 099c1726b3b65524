import assert from "node:assert/strict";
import { test } from "node:test";

import { createScratch } from "../../../frontend/js/storage/scratch.js";
import { concat } from "../../../frontend/js/lib/bytes.js";

/**
 * What a browser has below `navigator.storage.getDirectory()`; `roomBytes` is all there is on the disk,
 * `failWith` is thrown when it is used up, rather than less being written.
 */
function fakeRoot(roomBytes = Infinity, failWith = null) {
  const files = new Map();
  const flushedAt = [];
  let usedBytes = 0;
  const folder = {
    getFileHandle: async (name) => ({
      createSyncAccessHandle: async () => ({
        write(bytes) {
          const fitting = bytes.subarray(0, roomBytes - usedBytes);
          if (failWith !== null && fitting.length < bytes.length) throw failWith;
          usedBytes += fitting.length;
          files.set(name, concat(files.get(name) ?? new Uint8Array(0), fitting));
          return fitting.length;
        },
        flush: () => flushedAt.push(usedBytes),
        close() {},
      }),
      getFile: async () => new File([files.get(name)], name),
    }),
    async removeEntry(name) {
      if (!files.delete(name)) throw new DOMException("gone", "NotFoundError");
    },
  };
  const root = {
    getDirectoryHandle: async () => folder,
    async removeEntry() {
      files.clear();
    },
  };
  return { root, files, flushedAt };
}

const noRoot = () => Promise.reject(new DOMException("private browsing", "SecurityError"));
const bytes = Uint8Array.of(1, 2, 3);

for (const [where, openRoot] of Object.entries({
  "files of the origin": async () => fakeRoot().root,
  "a browser without them": noRoot,
})) {
  test(`a result is put together in ${where}`, async () => {
    const scratch = createScratch(openRoot);
    await scratch.sweep();
    const draft = await scratch.open();
    await draft.write(bytes);
    await draft.write(bytes);
    const result = await draft.finish();
    assert.deepEqual(new Uint8Array(await result.arrayBuffer()), concat(bytes, bytes));
    await draft.discard();
    await draft.discard();
  });
}

test("a large result goes to the disk piece by piece", async () => {
  const { root, flushedAt } = fakeRoot();
  const draft = await createScratch(async () => root).open();
  const part = new Uint8Array(12 * 1024 * 1024);
  for (let number = 0; number < 7; number += 1) await draft.write(part);
  await draft.finish();
  assert.deepEqual(
    flushedAt,
    [3, 6, 7].map((parts) => parts * part.length),
  );
});

test("two results do not meet, and a sweep takes both", async () => {
  const { root, files } = fakeRoot();
  const scratch = createScratch(async () => root);
  await (await scratch.open()).write(bytes);
  const other = await scratch.open();
  await other.write(bytes);
  assert.equal(files.size, 2);
  await other.discard();
  assert.equal(files.size, 1);
  await scratch.sweep();
  assert.equal(files.size, 0);
});

for (const [how, failWith] of Object.entries({
  "writes what fits": null,
  throws: new DOMException("full", "QuotaExceededError"),
})) {
  test(`a disk that is full is noticed in a browser that ${how}`, async () => {
    const { root } = fakeRoot(4, failWith);
    const draft = await createScratch(async () => root).open();
    await draft.write(bytes);
    await assert.rejects(draft.write(bytes), { code: "disk_full" });
  });
}

test("a disk that fails is not said to be full", async () => {
  const broken = new DOMException("broken", "InvalidStateError");
  const draft = await createScratch(async () => fakeRoot(0, broken).root).open();
  await assert.rejects(draft.write(bytes), broken);
});
