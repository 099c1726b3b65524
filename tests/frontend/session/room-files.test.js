import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import fc from "fast-check";

import { setLanguage } from "../../../frontend/js/ui/i18n.js";
import { stateWords } from "../../../frontend/js/views/attachment-words.js";
import { FakeServer } from "./fake-server.js";
import { couple, dumpDatabase, holding, logIn, until } from "./people.js";

const PART_BYTES = 4 * 1024 * 1024;
const open = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function pair() {
  const server = new FakeServer();
  const { alice, bob, room } = await couple(server);
  open.push(alice.device, bob.device);
  return { server, alice, bob, room };
}

/** Content that no compression or shift leaves as it was. */
function bytesOf(length) {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
const SMALL = bytesOf(3_000);
const LARGE = bytesOf(2 * PART_BYTES + 1_234);

const fileOf = (bytes, name = "Ảnh.png", type = "image/png") => new File([bytes], name, { type });
const plain = { thumb: null, width: null, height: null, durationMs: null, wave: null };
const outgoing = (bytes, ...named) => ({ file: fileOf(bytes, ...named), ...plain });
const contentOf = async (file) => new Uint8Array(await file.arrayBuffer());

const send = (person, room, files, text = "") =>
  person.device.call("sendFiles", { room, text, files });

/** Wait until a conversation ends with a message that brings files, and it has left. */
async function received(person, room) {
  return until("files", async () => {
    const row = (await person.device.rows(room)).at(-1);
    return row?.kind === "files" && row.seq !== null ? row : null;
  });
}
const fetchFile = async (person, { room, key }, index = 0) =>
  (await person.device.call("fetchAttachment", { room, key, index })).file;
const rowOf = async (person, { room, key }) =>
  (await person.device.rows(room)).find((row) => row.key === key);
const stateOf = async (person, row, index = 0) => (await rowOf(person, row))?.files[index]?.state;

test("S2-6: a file arrives byte for byte, with its name and its hints, and is intact", async () => {
  const { alice, bob, room } = await pair();
  const thumb = new Blob([bytesOf(500)]);
  const photo = { ...outgoing(LARGE), thumb, width: 40, height: 30 };
  await send(alice, room, [photo], "look");
  const row = await received(bob, room);
  const [{ name, mime, size, show, state, width, height, thumb: shown }] = row.files;
  assert.deepEqual([row.text, name, mime, size], ["look", "Ảnh.png", "image/png", LARGE.length]);
  assert.deepEqual([show, state, width, height], ["image", "here", 40, 30]);
  assert.deepEqual(await contentOf(shown), bytesOf(500));
  const file = await fetchFile(bob, row);
  assert.deepEqual(await contentOf(file), LARGE);
  assert.deepEqual([file.name, file.type], ["Ảnh.png", "image/png"]);
  assert.equal(await stateOf(bob, row), "intact");
  assert.equal(await stateOf(alice, row), "intact");
  await until("unread", () => bob.device.room(alice).unread === 1);
  assert.deepEqual([...alice.device.errors, ...bob.device.errors], []);
});

test("files that are together more than is kept come and go side by side, and what is kept is bounded", async () => {
  const { alice, bob, room } = await pair();
  for (const { device } of [alice, bob]) {
    device.keptBytes = PART_BYTES;
    await device.reload();
    await device.online();
  }
  const others = Array.from(LARGE, (byte) => byte ^ 1);
  const contents = [LARGE, Uint8Array.from(others)];
  await send(
    alice,
    room,
    contents.map((bytes) => outgoing(bytes)),
  );
  const row = await received(bob, room);
  const files = await Promise.all(contents.map((_, index) => fetchFile(bob, row, index)));
  for (const [index, file] of files.entries()) {
    assert.deepEqual(await contentOf(file), contents[index]);
  }
  for (const { device } of [alice, bob]) {
    const kept = async () => (await dumpDatabase(device.indexedDB)).file_parts.length;
    await until("bounded", async () => (await kept()) === 3);
  }
  await bob.device.reload();
  const states = (await rowOf(bob, row)).files.map(({ state }) => state);
  assert.deepEqual(states.sort(), ["here", "intact"]);
});

test("the second time a file comes from this device, without a network and after a reload", async () => {
  const { server, alice, bob, room } = await pair();
  await send(alice, room, [outgoing(LARGE)]);
  const row = await received(bob, room);
  await fetchFile(bob, row);
  server.files.clear();
  await bob.device.reload();
  assert.equal(await stateOf(bob, row), "intact");
  assert.deepEqual(await contentOf(await fetchFile(bob, row)), LARGE);
});

test("ten files come with one message, empty ones too; eleven, or none, are refused", async () => {
  const { alice, bob, room } = await pair();
  const contents = Array.from({ length: 10 }, (_, i) => bytesOf(i * 700));
  await send(
    alice,
    room,
    contents.map((bytes, i) => outgoing(bytes, `${i}.bin`, "")),
  );
  const row = await received(bob, room);
  const files = await Promise.all(contents.map((_, i) => fetchFile(bob, row, i)));
  for (const [i, file] of files.entries()) assert.deepEqual(await contentOf(file), contents[i]);
  const eleven = Array.from({ length: 11 }, () => outgoing(SMALL));
  await assert.rejects(send(alice, room, eleven), { code: "bad_request" });
  await assert.rejects(send(alice, room, []), { code: "bad_request" });
});

test("S-33: only what is on the list is shown in place; all else is handed out as octets", async () => {
  const { alice, bob, room } = await pair();
  const types = ["image/svg+xml", "text/html", "application/pdf", "text/xml", "", "audio/webm"];
  const files = types.map((type) => outgoing(SMALL, "x", type));
  files.push({ ...outgoing(SMALL, "voice", "audio/webm"), wave: new Uint8Array(64) });
  await send(alice, room, files);
  const row = await received(bob, room);
  const shows = row.files.map(({ show }) => show);
  assert.deepEqual(shows, ["file", "file", "file", "file", "file", "audio", "voice"]);
  assert.equal((await fetchFile(bob, row, 0)).type, "application/octet-stream");
  assert.equal((await fetchFile(bob, row, 5)).type, "audio/webm");
});

test("a film and a sound are shown in place under the names that phones have for them", async () => {
  const { alice, bob, room } = await pair();
  const types = ["video/quicktime", "audio/x-m4a", "audio/x-wav", "image/jpg", "__proto__"];
  await send(
    alice,
    room,
    types.map((type) => outgoing(SMALL, "x", type)),
  );
  const row = await received(bob, room);
  const shown = row.files.map(({ show, mime }) => [show, mime]);
  assert.deepEqual(shown.slice(0, 4), [
    ["video", "video/mp4"],
    ["audio", "audio/mp4"],
    ["audio", "audio/wav"],
    ["image", "image/jpeg"],
  ]);
  assert.equal(shown[4][0], "file");
  assert.equal((await fetchFile(bob, row, 0)).type, "video/mp4");
});

test("an upload goes on after a reload, with the same bytes and without the page's file", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => (path.endsWith("/parts/1") ? [503, "unavailable"] : null);
  const row = { room, ...(await send(alice, room, [outgoing(LARGE)], "kept")) };
  await until("a part", () => [...server.files.values()][0]?.parts.has(0));
  const first = [...server.files.values()][0].parts.get(0);
  assert.equal(await stateOf(alice, row), "sending");
  await alice.device.reload();
  server.log.length = 0;
  server.refuse = () => null;
  const came = await received(bob, room);
  const [, begun] = alice.device.events.findLast(([name, news]) => {
    return name === "attachmentProgress" && news.doneBytes < LARGE.length / 2;
  });
  assert.ok(begun.doneBytes > LARGE.length / 3, "it begins with the parts that are there");
  assert.deepEqual(await contentOf(await fetchFile(bob, came)), LARGE);
  assert.equal([...server.files.values()][0].parts.get(0), first, "what was there stays there");
  assert.equal((await rowOf(alice, row)).text, "kept");
});

test("how far an upload is goes from nothing to all of it, whatever its parts", async () => {
  setLanguage("en", { "attachment.sending": "{percent}" });
  const { alice, bob, room } = await pair();
  await send(alice, room, [outgoing(SMALL), outgoing(LARGE), outgoing(bytesOf(PART_BYTES))]);
  const row = await received(bob, room);
  const told = alice.device.events.filter(([name]) => name === "attachmentProgress");
  for (const { index, size } of row.files) {
    const own = told.map(([, news]) => news).filter((news) => news.index === index);
    const done = own.map(({ doneBytes }) => doneBytes);
    assert.deepEqual(
      done,
      [...done].sort((one, other) => one - other),
    );
    assert.deepEqual([done.at(0), done.at(-1)], [0, size]);
    assert.ok(own.every(({ totalBytes }) => totalBytes === size));
  }
  const shown = alice.device.events
    .filter(([name]) => name === "messages")
    .flatMap(([, { rows }]) => rows.flatMap(({ files }) => files ?? []))
    .filter(({ state }) => state === "sending");
  assert.ok(shown.length >= 3);
  for (const file of shown) assert.match(stateWords(file, "Alice"), /^(100|\d?\d)%$/);
});

test("a download goes on after a reload with the parts that are missing", async () => {
  const { server, alice, bob, room } = await pair();
  await send(alice, room, [outgoing(LARGE)]);
  const row = await received(bob, room);
  const ranges = [];
  const fetch = bob.device.browser.fetch;
  bob.device.browser.fetch = (url, init) => {
    const range = init.headers.Range;
    if (range !== undefined) ranges.push(range);
    if (range === undefined || ranges.length < 2) return fetch(url, init);
    return new Promise(() => {});
  };
  void fetchFile(bob, row).catch(() => {});
  await until("the second part", () => ranges.length === 2);
  assert.equal(await stateOf(bob, row), "fetching");
  bob.device.browser.fetch = fetch;
  await bob.device.reload();
  server.log.length = 0;
  assert.equal(await stateOf(bob, row), "here");
  assert.deepEqual(await contentOf(await fetchFile(bob, row)), LARGE);
  const reads = server.log.filter((line) => line.endsWith("/content"));
  assert.equal(reads.length, 2, "the first part was kept");
});

test("without a network an upload waits, and a text that is typed meanwhile overtakes it", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => (path.includes("/parts/") ? [503, "unavailable"] : null);
  await send(alice, room, [outgoing(SMALL)]);
  await alice.device.call("sendMessage", { room, text: "in between" });
  await bob.device.shows(room, ["in between"]);
  alice.device.setOnline(false);
  server.refuse = () => null;
  alice.device.setOnline(true);
  assert.equal((await received(bob, room)).seq, 2);
});

test("what waits for the network goes on as soon as it is back", async () => {
  const { alice, bob, room } = await pair();
  alice.device.randomness = 1_000; // whoever slept its delay out would wake hours later
  alice.device.setOnline(false);
  const row = { room, ...(await send(alice, room, [outgoing(SMALL)])) };
  await until("begun", async () => (await stateOf(alice, row)) === "sending");
  alice.device.setOnline(true);
  await received(bob, room);
});

const isLarge = (server, path) => server.files.get(path.split("/")[3])?.sizeBytes > LARGE.length;

test("large uploads that do not get on keep neither small ones nor downloads waiting", async () => {
  const { server, alice, bob, room } = await pair();
  await send(bob, room, [outgoing(LARGE)]);
  const row = await received(alice, room);
  const goOn = holding(alice.device, (path) => path.includes("/parts/") && isLarge(server, path));
  const keys = [];
  for (let i = 0; i < 3; i += 1) keys.push((await send(alice, room, [outgoing(LARGE)])).key);
  const states = () => Promise.all(keys.map((key) => stateOf(alice, { room, key })));
  await until("begun", async () => (await states()).join() === "sending,sending,waiting");
  await send(alice, room, [outgoing(SMALL)], "small");
  await until("small", async () => (await received(bob, room))?.text === "small");
  assert.deepEqual(await contentOf(await fetchFile(alice, row)), LARGE);
  goOn();
  await until("all", async () => (await bob.device.rows(room)).length === 5);
});

test("large downloads that do not get on keep no small one waiting, and their like say that they wait", async () => {
  const { server, alice, bob, room } = await pair();
  const large = Array.from({ length: 3 }, () => outgoing(LARGE));
  await send(alice, room, [...large, outgoing(SMALL)]);
  const row = await received(bob, room);
  const goOn = holding(bob.device, (path) => path.endsWith("/content") && isLarge(server, path));
  const fetching = [0, 1].map((index) => fetchFile(bob, row, index));
  const states = async () => (await rowOf(bob, row)).files.map(({ state }) => state).join();
  await until("under way", async () => (await states()) === "fetching,fetching,here,here");
  fetching.push(fetchFile(bob, row, 2));
  await until("waiting", async () => (await states()) === "fetching,fetching,queued,here");
  assert.deepEqual(await contentOf(await fetchFile(bob, row, 3)), SMALL);
  const refused = assert.rejects(fetching[2], { code: "cancelled" });
  await bob.device.call("cancelAttachment", { ...row, index: 2 });
  await refused;
  assert.equal(await states(), "fetching,fetching,here,intact");
  goOn();
  for (const file of await Promise.all(fetching.slice(0, 2))) {
    assert.deepEqual(await contentOf(file), LARGE);
  }
});

test("a message that is paused stays so after a reload, and goes on when it is told to", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => (path.includes("/parts/") ? [503, "unavailable"] : null);
  const row = { room, ...(await send(alice, room, [outgoing(SMALL)])) };
  await alice.device.call("pauseAttachment", { ...row, on: true });
  assert.equal(await stateOf(alice, row), "paused");
  server.refuse = () => null;
  await alice.device.reload();
  await alice.device.online();
  assert.equal(await stateOf(alice, row), "paused");
  await alice.device.call("pauseAttachment", { ...row, on: false });
  await received(bob, room);
});

test("a file that is taken out leaves its message, the last one takes it along", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => (path.includes("/parts/") ? [503, "unavailable"] : null);
  const row = { room, ...(await send(alice, room, [outgoing(SMALL, "a"), outgoing(LARGE, "b")])) };
  const other = { room, ...(await send(alice, room, [outgoing(SMALL, "c")])) };
  await alice.device.call("cancelAttachment", { ...row, index: 0 });
  await alice.device.call("cancelAttachment", { ...other, index: 0 });
  assert.equal(await rowOf(alice, other), undefined);
  server.refuse = () => null;
  const came = await received(bob, room);
  assert.deepEqual(
    came.files.map(({ name }) => name),
    ["b"],
  );
  assert.deepEqual(await contentOf(await fetchFile(bob, came)), LARGE);
  await until("ended", () => server.files.size === 1);
  const { file_parts: parts } = await dumpDatabase(alice.device.indexedDB);
  assert.equal(parts.length, 3, "only what was sent is still here");
});

for (const code of ["quota_full", "too_large", "storage_full"]) {
  test(`a refused upload says ${code} and waits for a person, who can try again`, async () => {
    const { server, alice, bob, room } = await pair();
    server.refuse = (method, path) => (path === "/api/files" ? [403, code] : null);
    const row = { room, ...(await send(alice, room, [outgoing(SMALL)])) };
    const failed = await until("failed", async () => {
      const now = await rowOf(alice, row);
      return now.state === "failed" ? now : null;
    });
    assert.equal(failed.failure, code);
    assert.deepEqual([failed.files[0].state, failed.files[0].failure], ["failed", code]);
    server.refuse = () => null;
    await alice.device.call("retryMessage", row);
    await received(bob, room);
  });
}

test("what was interrupted for so long that it ended is begun anew when it is tried again", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => (path.endsWith("/parts/1") ? [404, "not_found"] : null);
  const files = [outgoing(LARGE, "a.bin", ""), outgoing(SMALL, "b.bin", "")];
  const row = { room, ...(await send(alice, room, files, "at last")) };
  const failed = async () => (await rowOf(alice, row)).state === "failed";
  await until("failed", failed);
  await until("put", () => [...server.files.values()].some(({ parts }) => parts.size === 1));
  for (const id of server.files.keys()) server.ended.add(id);
  server.files.clear();
  await alice.device.reload();
  server.refuse = () => null;
  await alice.device.call("retryMessage", row);
  const came = await received(bob, room);
  const names = came.files.map(({ name }) => name);
  assert.deepEqual([came.text, ...names], ["at last", "a.bin", "b.bin"]);
  assert.deepEqual(await contentOf(await fetchFile(bob, came, 0)), LARGE);
  assert.deepEqual(await contentOf(await fetchFile(bob, came, 1)), SMALL);
  assert.deepEqual(await contentOf(await fetchFile(alice, row, 0)), LARGE);
  const { file_parts: parts } = await dumpDatabase(alice.device.indexedDB);
  assert.equal(parts.length, 4, "what had ended is not kept beside it");
});

test("what ends at the server while it is on its way is begun anew by itself", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => {
    if (!path.endsWith("/parts/1")) return null;
    server.refuse = () => null;
    const [id] = server.files.keys();
    server.ended.add(id);
    server.files.delete(id);
    return [404, "not_found"];
  };
  await send(alice, room, [outgoing(LARGE)]);
  const row = await received(bob, room);
  assert.deepEqual(await contentOf(await fetchFile(bob, row)), LARGE);
});

test("a room that has ended is said to have, and nothing is encrypted anew for it", async () => {
  const { server, alice, room } = await pair();
  let isGone = false;
  server.refuse = (method, path) => {
    isGone ||= path.includes("/parts/");
    return isGone && path.startsWith("/api/files") ? [404, "not_found"] : null;
  };
  const row = { room, ...(await send(alice, room, [outgoing(SMALL)])) };
  await until("failed", async () => (await rowOf(alice, row)).failure === "not_found");
  const { files } = await dumpDatabase(alice.device.indexedDB);
  assert.deepEqual(
    files.map(({ file }) => file),
    [...server.files.keys()],
  );
});

test("a server that knows no file that is new is not asked for ever", async () => {
  const { server, alice, room } = await pair();
  server.refuse = (method, path) => (path === "/api/files" ? [409, "conflict"] : null);
  const row = { room, ...(await send(alice, room, [outgoing(SMALL)])) };
  await until("failed", async () => (await rowOf(alice, row)).state === "failed");
  assert.equal((await rowOf(alice, row)).failure, "conflict");
  assert.equal(server.log.filter((line) => line.endsWith("POST /api/files")).length, 2);
});

test("a grant that is refused is asked for again", async () => {
  const { server, alice, bob, room } = await pair();
  server.refuse = (method, path) => {
    if (path.endsWith("/parts/1")) server.grants.clear();
    server.refuse = path.endsWith("/parts/1") ? () => null : server.refuse;
    return null;
  };
  await send(alice, room, [outgoing(LARGE)]);
  const row = await received(bob, room);
  assert.deepEqual(await contentOf(await fetchFile(bob, row)), LARGE);
});

const flip = (bytes, at) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const swap = (parts) => [...parts.values()].slice(0, 2).reverse();
const HARM = {
  "a flipped byte": (parts) => parts.set(1, flip(parts.get(1), 17)),
  "a flipped byte of the commitment": (parts) => parts.set(0, flip(parts.get(0), 30)),
  "swapped parts": (parts) => swap(parts).forEach((part, i) => parts.set(i, part)),
  "a truncated tail": (parts) => parts.delete(2),
};
for (const [name, harm] of Object.entries(HARM)) {
  test(`${name} at the server is damage: nothing is handed out and nothing kept`, async () => {
    const { server, alice, bob, room } = await pair();
    await send(alice, room, [outgoing(LARGE)]);
    const row = await received(bob, room);
    harm([...server.files.values()][0].parts);
    await assert.rejects(fetchFile(bob, row), { code: "damaged" });
    assert.equal(await stateOf(bob, row), "damaged");
    const { files, file_parts: parts } = await dumpDatabase(bob.device.indexedDB);
    assert.deepEqual([files, parts], [[], []]);
    await bob.device.reload();
    assert.equal(await stateOf(bob, row), "damaged");
  });
}

test("a part that changes between the list of hashes and its coming is damage", async () => {
  const { server, alice, bob, room } = await pair();
  await send(alice, room, [outgoing(LARGE)]);
  const row = await received(bob, room);
  const { parts } = [...server.files.values()][0];
  const changed = flip(parts.get(1), 0);
  server.refuse = (method, path) => {
    if (path.endsWith("/content")) parts.set(1, changed);
    return null;
  };
  await assert.rejects(fetchFile(bob, row), { code: "damaged" });
});

test("a file that ended at the server is gone, and the row says so", async () => {
  const { server, alice, bob, room } = await pair();
  await send(alice, room, [outgoing(SMALL)]);
  const row = await received(bob, room);
  server.files.clear();
  await assert.rejects(fetchFile(bob, row), { code: "gone" });
  assert.equal(await stateOf(bob, row), "gone");
});

test("another browser of the sender gets the file as everybody else does", async () => {
  const { server, alice, bob, room } = await pair();
  const { device: second } = await logIn(server, alice);
  open.push(second);
  await second.online();
  await until("room", () => second.room(bob));
  await send(alice, room, [outgoing(SMALL)]);
  const own = { device: second };
  const row = await received(own, room);
  assert.equal(row.mine, true);
  assert.deepEqual(await contentOf(await fetchFile(own, row)), SMALL);
});

test("a room that ends and a log-out take the files along", async () => {
  const { alice, bob, room } = await pair();
  await send(alice, room, [outgoing(SMALL)]);
  await fetchFile(bob, await received(bob, room));
  await alice.device.call("deleteRoom", { room });
  await until("gone", () => bob.device.slices.rooms.length === 0);
  for (const { device } of [alice, bob]) {
    const { files, file_parts: parts } = await dumpDatabase(device.indexedDB);
    assert.deepEqual([files, parts], [[], []]);
  }
});

test("nothing of a file's content or name lies in the database in the clear", async () => {
  const { alice, bob, room } = await pair();
  const canary = "CANARY-4417 of a content".repeat(100);
  await send(alice, room, [outgoing(new TextEncoder().encode(canary), "CANARY-name.txt")]);
  await fetchFile(bob, await received(bob, room));
  for (const { device } of [alice, bob]) {
    const texts = [];
    JSON.stringify(await dumpDatabase(device.indexedDB), (_, value) => {
      texts.push(ArrayBuffer.isView(value) ? Buffer.from(value).toString("latin1") : `${value}`);
      return ArrayBuffer.isView(value) ? null : value;
    });
    assert.ok(texts.length > 50);
    assert.equal(
      texts.some((text) => text.includes("CANARY")),
      false,
    );
  }
});

test("whatever calls fail in whatever order, the file arrives byte for byte", async () => {
  const { server, alice, bob, room } = await pair();
  const failures = fc.array(
    fc.constantFrom("ok", "unavailable", "lost", "lost answer", "bad_grant"),
    { maxLength: 9 }, // one more in a row, with a connection, is a failure that a person is told of
  );
  const fetches = [alice, bob].map(({ device }) => [device, device.browser.fetch]);
  await fc.assert(
    fc.asyncProperty(failures, fc.integer({ min: 0, max: LARGE.length }), async (plan, length) => {
      const faults = [...plan];
      for (const [device, fetch] of fetches) {
        device.browser.fetch = async (url, init) => {
          const fault = url.includes("/api/files") ? faults.shift() : "ok";
          if (fault === "lost") throw new TypeError("no network");
          if (fault === "bad_grant") server.grants.clear();
          const answer = await fetch(url, init);
          if (fault === "lost answer") throw new TypeError("no network");
          const error = { code: "unavailable", message: "", request_id: "test" };
          const text = async () => JSON.stringify({ error });
          return fault === "unavailable" ? { ok: false, status: 503, text } : answer;
        };
      }
      const content = LARGE.subarray(0, length);
      await send(alice, room, [outgoing(content)], `${length}`);
      const row = await until("files", async () => {
        const last = (await bob.device.rows(room)).at(-1);
        return last?.text === `${length}` ? last : null;
      });
      assert.deepEqual(await contentOf(await fetchFile(bob, row)), content);
    }),
    { numRuns: 8 },
  );
});
