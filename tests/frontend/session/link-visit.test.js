import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";

import { fingerprint } from "../../../frontend/js/crypto/safety-number.js";
import { AppError } from "../../../frontend/js/lib/errors.js";
import { systemClock } from "../../../frontend/js/lib/clock.js";
import { createLog } from "../../../frontend/js/lib/log.js";
import { createLinkVisit } from "../../../frontend/js/session/link-visit.js";
import { createScratch } from "../../../frontend/js/storage/scratch.js";
import { openArgon2id } from "../crypto/argon2-in-process.js";
import { makeCertifiedDevice, pattern } from "../crypto/file-fixtures.js";
import { flip, refusalOf } from "../crypto/fixtures.js";
import { EXPIRES_MS, FakeLinkServer } from "./fake-link-server.js";
import { until } from "./people.js";

const MIB = 1 << 20;
const PASSPHRASE = "mật khẩu chung";
const { argon2id, close } = await openArgon2id();
after(close);
const device = await makeCertifiedDevice();
const SMALL = { name: "Báo cáo.pdf", mime: "application/pdf", content: pattern(300_000) };
const LARGE = { name: "film.mp4", mime: "video/mp4", content: pattern(9 * MIB) };

/** Counts the drafts that are there, as `sweep` would find them. */
function countingScratch() {
  const scratch = createScratch(() => Promise.reject(new Error("no such files in node")));
  const kept = new Set();
  return {
    kept,
    async open() {
      const draft = await scratch.open();
      kept.add(draft);
      return {
        ...draft,
        async discard() {
          kept.delete(draft);
          await draft.discard();
        },
      };
    },
  };
}

/** Nobody waits for a file to be taken away but the test that is about it. */
const clock = {
  nowMs: systemClock.nowMs,
  sleep: (ms, signal) => (ms < 60_000 ? systemClock.sleep(ms, signal) : new Promise(() => {})),
};

function visitTo(server, options = {}) {
  const events = [];
  const scratch = countingScratch();
  const visit = createLinkVisit(
    {
      exchange: server.exchange(),
      log: createLog(),
      clock,
      random: () => 0.01,
      isOnline: () => true,
      scratch,
      startArgon2: () => ({ argon2id, end: () => {} }),
      ...options,
    },
    (name, value) => events.push({ name, ...value }),
  );
  return { visit, events, scratch };
}

const newDownload = () => randomBytes(16).toString("base64url");

async function opened(server, passphrase = null, download = newDownload()) {
  const visitor = visitTo(server);
  const { transfer, fragment } = server;
  const looked = await visitor.visit.look({ transfer, fragment, download });
  const content = await visitor.visit.open({ passphrase });
  return { ...visitor, looked, content };
}

const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

test("S3-20: a link shows what it holds before the first byte, and then gives it", async () => {
  const server = await FakeLinkServer.make([SMALL, LARGE], {
    signer: { ...device.sender, name: "Lan" },
  });
  const { visit, content, looked } = await opened(server);
  assert.equal(looked.hasPassphrase, false);
  assert.deepEqual(content, {
    files: [
      { name: "Báo cáo.pdf", mime: "application/pdf", sizeBytes: 300_000 },
      { name: "film.mp4", mime: "video/mp4", sizeBytes: 9 * MIB },
    ],
    from: { name: "Lan", fingerprint: await fingerprint(device.identity) },
    expiresMs: EXPIRES_MS,
    downloadsLeft: null,
  });
  assert.equal(server.downloads, 0);
  for (const [index, { name, content: bytes }] of [SMALL, LARGE].entries()) {
    const { file } = await visit.fetch({ index });
    assert.deepEqual([file.name, file.type], [name, "application/octet-stream"]);
    assert.deepEqual(await bytesOf(file), bytes);
  }
});

test("one download serves all files of a visit, also when they are fetched at once", async () => {
  const server = await FakeLinkServer.make([SMALL, SMALL, SMALL]);
  server.maxDownloads = 1;
  const { visit, content } = await opened(server);
  assert.deepEqual([content.downloadsLeft, content.from], [1, null]);
  const files = await Promise.all([0, 1, 2].map((index) => visit.fetch({ index })));
  for (const { file } of files) assert.deepEqual(await bytesOf(file), SMALL.content);
  assert.equal(server.downloads, 1);
  const late = await opened(server);
  assert.equal(late.content.downloadsLeft, 0);
  assert.equal(await refusalOf(() => late.visit.fetch({ index: 0 })), "used_up");
  assert.equal(late.scratch.kept.size, 0);
});

test("a visit that goes on with the download of another one is not counted", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  server.maxDownloads = 1;
  const download = newDownload();
  await (await opened(server, null, download)).visit.fetch({ index: 0 });
  const again = await opened(server, null, download);
  const { file } = await again.visit.fetch({ index: 0 });
  assert.deepEqual(await bytesOf(file), SMALL.content);
  assert.equal(server.downloads, 1);
});

test("S3-23: a download whose answer was lost is taken once", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  server.maxDownloads = 1;
  let isLost = false;
  server.network = (path, _, answer) => {
    if (!path.endsWith("/downloads") || isLost) return null;
    isLost = true;
    answer();
    throw new TypeError("Failed to fetch");
  };
  const { visit } = await opened(server);
  const { file } = await visit.fetch({ index: 0 });
  assert.deepEqual(await bytesOf(file), SMALL.content);
  assert.deepEqual([isLost, server.downloads], [true, 1]);
});

test("a file can be saved again for a minute without the server, and is taken away then", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  let nowMs = 0;
  const sleeping = [];
  const sleep = (ms) =>
    new Promise((resolve) => {
      sleeping.push({ atMs: nowMs + ms, resolve });
    });
  const pass = async (ms) => {
    nowMs += ms;
    for (const { atMs, resolve } of sleeping) if (atMs <= nowMs) resolve();
    await new Promise(setImmediate);
  };
  const { visit, scratch } = visitTo(server, { clock: { nowMs: () => nowMs, sleep } });
  await visit.look({ ...server, download: newDownload() });
  await visit.open({ passphrase: null });
  const { file } = await visit.fetch({ index: 0 });
  const before = server.requests.length;
  await pass(59_000);
  assert.equal((await visit.fetch({ index: 0 })).file, file);
  assert.equal(server.requests.length, before);
  await pass(59_000);
  assert.equal(scratch.kept.size, 1, "it was handed out a second time");
  await pass(1_000);
  assert.equal(scratch.kept.size, 0);
  assert.deepEqual(await bytesOf((await visit.fetch({ index: 0 })).file), SMALL.content);
  assert.equal(server.downloads, 1);
});

test("a visit that lasts longer than its token goes on with the same download", async () => {
  const server = await FakeLinkServer.make([SMALL, SMALL]);
  const { visit } = await opened(server);
  await visit.fetch({ index: 0 });
  server.tokens.clear();
  await visit.fetch({ index: 1 });
  assert.equal(server.downloads, 1);
});

test("a passphrase opens a link, and another one does not", async () => {
  const server = await FakeLinkServer.make([SMALL], { passphrase: PASSPHRASE, argon2id });
  const { transfer, fragment } = server;
  const { visit } = visitTo(server);
  assert.equal(
    (await visit.look({ transfer, fragment, download: newDownload() })).hasPassphrase,
    true,
  );
  for (const wrong of ["another one", null]) {
    assert.equal(await refusalOf(() => visit.open({ passphrase: wrong })), "bad_link");
  }
  await visit.open({ passphrase: PASSPHRASE.normalize("NFD") });
  assert.deepEqual(await bytesOf((await visit.fetch({ index: 0 })).file), SMALL.content);
});

test("neither secret nor passphrase nor a name is in anything that is sent", async () => {
  const server = await FakeLinkServer.make([SMALL], { passphrase: PASSPHRASE, argon2id });
  const { visit } = await opened(server, PASSPHRASE);
  await visit.fetch({ index: 0 });
  await visit.report({ reason: "other", text: "what I wrote" });
  const sent = server.requests.join("\n");
  const secret = server.fragment.slice(2);
  for (const word of [secret, PASSPHRASE, SMALL.name]) assert.ok(!sent.includes(word), word);
  assert.ok(sent.includes("what I wrote"));
});

test("what is no link of ours is said before anybody is asked", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  const { transfer, fragment } = server;
  const looks = {
    malformed: [
      { transfer, fragment: "" },
      { transfer, fragment: fragment.slice(0, -1) },
      { transfer, fragment: `${fragment}.` },
      { transfer: transfer.slice(1), fragment },
      { transfer: "", fragment },
    ],
    unsupported: [{ transfer, fragment: fragment.replace("1.", "2.") }],
  };
  for (const [code, addresses] of Object.entries(looks)) {
    for (const address of addresses) {
      assert.equal(await refusalOf(() => visitTo(server).visit.look(address)), code);
    }
  }
  assert.deepEqual(server.requests, []);
});

test("a link that is gone says so at every step", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  const { visit } = await opened(server);
  server.isLive = false;
  const { transfer, fragment } = server;
  assert.equal(
    await refusalOf(() => visit.look({ transfer, fragment, download: newDownload() })),
    "not_found",
  );
  assert.equal(await refusalOf(() => visit.open({ passphrase: null })), "not_found");
  assert.equal(await refusalOf(() => visit.fetch({ index: 0 })), "not_found");
});

test("another secret opens nothing", async () => {
  const [server, other] = [await FakeLinkServer.make([SMALL]), await FakeLinkServer.make([SMALL])];
  const { visit } = visitTo(server);
  await visit.look({
    transfer: server.transfer,
    fragment: other.fragment,
    download: newDownload(),
  });
  assert.equal(await refusalOf(() => visit.open({ passphrase: null })), "bad_link");
});

test("row 20: contents that are not as they were made open nothing", async () => {
  const other = await FakeLinkServer.make([SMALL]);
  const lies = {
    "a flipped bit": ({ manifest, ...rest }) => ({
      ...rest,
      manifest: `${manifest.slice(0, 100)}${manifest[100] === "A" ? "B" : "A"}${manifest.slice(101)}`,
    }),
    "another manifest": (contents) => ({
      ...contents,
      manifest: Buffer.from(other.sealed).toString("base64url"),
    }),
    "another order": (contents) => ({ ...contents, files: contents.files.toReversed() }),
    "a file less": (contents) => ({ ...contents, files: contents.files.slice(1) }),
    "a file more": (contents) => ({ ...contents, files: [...contents.files, contents.files[0]] }),
    "another size": ({ files: [first, ...more], ...rest }) => ({
      ...rest,
      files: [{ ...first, size_bytes: first.size_bytes + 1 }, ...more],
    }),
  };
  const server = await FakeLinkServer.make([SMALL, LARGE]);
  for (const [what, lie] of Object.entries(lies)) {
    server.lie = lie;
    const { transfer, fragment } = server;
    const { visit } = visitTo(server);
    await visit.look({ transfer, fragment, download: newDownload() });
    assert.equal(await refusalOf(() => visit.open({ passphrase: null })), "damaged", what);
  }
});

test("row 20: a file that was changed on the way is damaged, and nothing of it is left", async () => {
  const PART = 4 * MIB;
  const harms = {
    "a flipped bit": (file) => (file.ciphertext = flip(file.ciphertext, PART + 17)),
    "swapped parts": (file) => {
      const whole = file.ciphertext;
      file.ciphertext = whole.slice();
      file.ciphertext.set(whole.subarray(PART, 2 * PART), 0);
      file.ciphertext.set(whole.subarray(0, PART), PART);
    },
    "a tail cut off": (file) => (file.ciphertext = file.ciphertext.slice(0, -1)),
    "other hashes": (file) => (file.hashes = flip(file.hashes, 0)),
    "hashes cut off": (file) => (file.hashes = file.hashes.slice(32)),
  };
  for (const [what, harm] of Object.entries(harms)) {
    const server = await FakeLinkServer.make([LARGE]);
    const { visit, scratch } = await opened(server);
    harm(server.files[0]);
    assert.equal(await refusalOf(() => visit.fetch({ index: 0 })), "damaged", what);
    assert.equal(scratch.kept.size, 0, what);
  }
});

test("a download goes on where it was when the network comes back", async () => {
  const server = await FakeLinkServer.make([LARGE]);
  const { visit, events } = await opened(server);
  let passing = 2;
  server.network = (path) => {
    if (path.endsWith("/content") && passing-- <= 0) throw new TypeError("no network");
    return null;
  };
  const fetching = visit.fetch({ index: 0 });
  await until("it waits", () => events.some(({ name }) => name === "waiting"));
  server.network = () => null;
  visit.wake();
  assert.deepEqual(await bytesOf((await fetching).file), LARGE.content);
  assert.equal(server.downloads, 1);
  const parts = server.requests.filter((request) => request.includes(`/content"`));
  const ranges = new Set(parts.map((request) => /bytes=\d+-\d+/.exec(request)[0]));
  assert.equal(ranges.size, 3);
  assert.equal(parts.filter((request) => request.includes('"bytes=0-')).length, 1);
});

test("a server that asks for patience gets it, and one that says no is believed", async () => {
  const server = await FakeLinkServer.make([SMALL, SMALL]);
  const answer = (status, code) =>
    new Response(JSON.stringify({ error: { code, message: code } }), { status });
  const { visit } = await opened(server);
  let busy = 2;
  server.network = (path) =>
    path.endsWith("/hashes") && busy-- > 0 ? answer(503, "unavailable") : null;
  await visit.fetch({ index: 0 });
  server.network = (path) => (path.endsWith("/content") ? answer(403, "forbidden") : null);
  assert.equal(await refusalOf(() => visit.fetch({ index: 1 })), "forbidden");
});

test("whoever cancels gets nothing, and may begin again", async () => {
  const server = await FakeLinkServer.make([LARGE]);
  const { visit, events, scratch } = await opened(server);
  server.network = (path, signal) =>
    path.endsWith("/content")
      ? new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        })
      : null;
  const fetching = refusalOf(() => visit.fetch({ index: 0 }));
  await until("it moves", () => events.some(({ name }) => name === "progress"));
  await visit.cancel({ index: 0 });
  assert.equal(await fetching, "cancelled");
  assert.equal(scratch.kept.size, 0);
  server.network = () => null;
  assert.deepEqual(await bytesOf((await visit.fetch({ index: 0 })).file), LARGE.content);
  assert.equal(server.downloads, 1);
});

test("a full disk is said, and nothing is left on it", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  const kept = new Set();
  const scratch = {
    async open() {
      const draft = { discard: async () => void kept.delete(draft), write, finish: () => {} };
      kept.add(draft);
      return draft;
    },
  };
  const write = async () => {
    throw new AppError("disk_full");
  };
  const { visit } = visitTo(server, { scratch });
  await visit.look({ ...server, download: newDownload() });
  await visit.open({ passphrase: null });
  assert.equal(await refusalOf(() => visit.fetch({ index: 0 })), "disk_full");
  assert.equal(kept.size, 0);
});

test("a report reaches the operator with nothing but what was written", async () => {
  const server = await FakeLinkServer.make([SMALL]);
  const { visit } = await opened(server);
  await visit.report({ reason: "malware", text: "" });
  assert.deepEqual(server.reports, [{ reason: "malware", text: "" }]);
});
