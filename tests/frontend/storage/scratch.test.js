import assert from "node:assert/strict";
import { test } from "node:test";

import { createScratch } from "../../../frontend/js/storage/scratch.js";
import { concat } from "../../../frontend/js/lib/bytes.js";

/** What a browser has below `navigator.storage.getDirectory()`; `roomBytes` is all there is on the disk. */
function fakeRoot(roomBytes = Infinity) {
  const files = new Map();
  let usedBytes = 0;
  const folder = {
    getFileHandle: async (name) => ({
      createSyncAccessHandle: async () => ({
        write(bytes) {
          const fitting = bytes.subarray(0, roomBytes - usedBytes);
          usedBytes += fitting.length;
          files.set(name, concat(files.get(name) ?? new Uint8Array(0), fitting));
          return fitting.length;
        },
        flush() {},
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
  return { root, files };
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

test("a disk that is full is noticed, also by a browser that writes what fits", async () => {
  const { root } = fakeRoot(4);
  const draft = await createScratch(async () => root).open();
  await draft.write(bytes);
  await assert.rejects(draft.write(bytes), { code: "disk_full" });
});
