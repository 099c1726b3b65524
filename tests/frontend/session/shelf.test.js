import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory } from "fake-indexeddb";

import { AppError } from "../../../frontend/js/lib/errors.js";
import { createShelf } from "../../../frontend/js/session/shelf.js";
import { openDatabase } from "../../../frontend/js/storage/db.js";

const PART = Uint8Array.from({ length: 100 }, (_, i) => i);

async function shelfOf({ needed = [], keptBytes = 250, db, wrap = (each) => each } = {}) {
  const database = wrap(db ?? (await openDatabase(new IDBFactory())));
  let nowMs = 0;
  const clock = { nowMs: () => (nowMs += 1) };
  const isNeeded = (file) => needed.includes(file);
  return { db: database, shelf: createShelf({ db: database, clock }, { isNeeded, keptBytes }) };
}
const put = (shelf, file, room = "room") =>
  shelf.append({ room, file, number: shelf.partsOf(file) }, PART);

test("what was written is there after a reload", async () => {
  const { db, shelf } = await shelfOf();
  await put(shelf, "a");
  await put(shelf, "a");
  await shelf.keep("a");
  const { shelf: again } = await shelfOf({ db });
  await again.load(() => true);
  assert.deepEqual([again.partsOf("a"), again.isVerified("a")], [2, true]);
  assert.deepEqual(await again.part("a", 1), PART);
  await assert.rejects(again.part("a", 2), { code: "gone" });
});

test("when there is too much, the file goes that nobody used for longest", async () => {
  const { shelf } = await shelfOf();
  for (const file of ["a", "b"]) await put(shelf, file);
  await shelf.keep("a");
  await put(shelf, "c");
  assert.deepEqual(["a", "b", "c"].map(shelf.partsOf), [1, 0, 1]);
});

test("a file that a message still has to bring never goes", async () => {
  const { shelf } = await shelfOf({ needed: ["a", "b"] });
  for (const file of ["a", "b", "c", "d"]) await put(shelf, file);
  assert.deepEqual(["a", "b", "c", "d"].map(shelf.partsOf), [1, 1, 0, 1]);
});

test("files that are used never go, and go like others when nobody uses them any more", async () => {
  const { shelf } = await shelfOf();
  await shelf.using(["a", "b"], async () => {
    await shelf.using(["a"], () => put(shelf, "a"));
    for (const file of ["b", "c", "d"]) await put(shelf, file);
    assert.deepEqual(["a", "b", "c", "d"].map(shelf.partsOf), [1, 1, 0, 1]);
  });
  assert.deepEqual(["a", "b", "d"].map(shelf.partsOf), [0, 1, 1]);
});

test("work that fails uses nothing any longer", async () => {
  const { shelf } = await shelfOf();
  const failing = shelf.using(["a", "b", "c"], async () => {
    for (const file of ["a", "b", "c"]) await put(shelf, file);
    throw new Error("broken");
  });
  await assert.rejects(failing, { message: "broken" });
  assert.deepEqual(["a", "b", "c"].map(shelf.partsOf), [0, 1, 1]);
});

test("a part is refused when the one before it is not here", async () => {
  const { db, shelf } = await shelfOf();
  await put(shelf, "a");
  await shelf.remove("a");
  await assert.rejects(shelf.append({ room: "room", file: "a", number: 1 }, PART), {
    code: "gone",
  });
  assert.deepEqual(await db.getAll("file_parts"), []);
});

test("what is no longer needed is made room of when a file is whole, and at the start", async () => {
  for (const isReload of [false, true]) {
    const needed = ["a", "b", "c"];
    const { db, shelf } = await shelfOf({ needed });
    for (const file of needed) await put(shelf, file);
    needed.length = 0;
    const { shelf: later } = isReload ? await shelfOf({ db }) : { shelf };
    await (isReload ? later.load(() => true) : later.keep("c"));
    assert.deepEqual(["a", "b", "c"].map(later.partsOf), [0, 1, 1]);
  }
});

test("a file that alone is larger than what is kept comes all the same", async () => {
  const { shelf } = await shelfOf();
  for (let i = 0; i < 5; i += 1) await put(shelf, "a");
  assert.equal(shelf.partsOf("a"), 5);
});

test("files of rooms that are gone are removed with the next start", async () => {
  const { db, shelf } = await shelfOf();
  await put(shelf, "a", "gone");
  await put(shelf, "b", "there");
  const { shelf: again } = await shelfOf({ db });
  await again.load((room) => room === "there");
  assert.deepEqual([again.partsOf("a"), again.partsOf("b")], [0, 1]);
  assert.equal((await db.getAll("file_parts")).length, 1);
});

test("only the bytes of a part are stored, not what lies behind a view of it", async () => {
  const { db, shelf } = await shelfOf();
  await shelf.append(
    { room: "room", file: "a", number: 0 },
    new Uint8Array(10_000).subarray(5, 15),
  );
  const [{ bytes }] = await db.getAll("file_parts");
  assert.equal(bytes.buffer.byteLength, 10);
});

test("a full disk is said to be one, and the part is not there", async () => {
  const full = new DOMException("full", "QuotaExceededError");

  const commit = () => Promise.reject(new AppError("storage_failed", "abort", { cause: full }));
  const { shelf } = await shelfOf({ wrap: (database) => ({ ...database, commit }) });
  await assert.rejects(put(shelf, "a"), { code: "disk_full" });
  assert.equal(shelf.partsOf("a"), 0);
});
