import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { sumOf } from "../../../frontend/js/state/transfers.js";
import { dumpDatabase, holding, logIn, signUp, startAnew, until } from "./people.js";
import {
  arrives,
  becomes,
  bytesOf,
  closeAll,
  closing,
  contentOf,
  DAY_MS,
  digestOf,
  fetchFile,
  fileOf,
  formOf,
  itemOf,
  LARGE,
  pair,
  receivedOf,
  refusing,
  send,
  sendTo,
  sent,
  sentOf,
  SMALL,
} from "./transfer-fixtures.js";

afterEach(closeAll);

const isPart = (method, path) => path.includes("/parts/");
const isOffline = (person) =>
  until("off-line", () => person.device.slices.connection.status !== "online");

/** What of files lies on a device. */
async function keptBy({ device }) {
  const { files, file_parts: parts } = await dumpDatabase(device.indexedDB);
  return [files.length, parts.length];
}

/** A file whose bytes do not come, until `release` ends the wait without any. */
function stuck(name) {
  const file = fileOf(LARGE, name);
  file.isRead = false;
  const arrayBuffer = () => {
    file.isRead = true;
    return new Promise((_, reject) => {
      file.release = () => reject(new DOMException("", "NotReadableError"));
    });
  };
  file.slice = () => ({ arrayBuffer });
  return file;
}

test("S3-15: files for a contact arrive byte for byte, with their names and whom they are from", async () => {
  const { alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(LARGE), fileOf(SMALL, "b.txt", "text/plain")]);
  const got = receivedOf(bob, id);
  assert.deepEqual([got.state, got.refusal, got.sender.displayName], ["sealed", null, "Alice"]);
  const { kind, user, name, verified } = got.origin;
  assert.deepEqual([kind, user, name, verified], ["known", alice.id, "Alice", false]);
  const shown = got.files.map((file) => [file.name, file.mime, file.sizeBytes, file.state]);
  assert.deepEqual(shown, [
    ["Báo cáo.pdf", "application/pdf", LARGE.length, "waiting"],
    ["b.txt", "text/plain", SMALL.length, "waiting"],
  ]);
  const file = await fetchFile(bob, id, 0);
  assert.equal(await contentOf(file), digestOf(LARGE));
  assert.deepEqual([file.name, file.type], ["Báo cáo.pdf", "application/octet-stream"]);
  assert.equal(sentOf(alice, id).downloadedMs, null);
  assert.equal(await contentOf(await fetchFile(bob, id, 1)), digestOf(SMALL));
  await until("downloaded", () => sentOf(alice, id).downloadedMs !== null);
  assert.equal(sentOf(alice, id).downloads, 1);
  await until("done", () => receivedOf(bob, id).files.every(({ state }) => state === "done"));
  assert.deepEqual([...alice.device.errors, ...bob.device.errors], []);
});

test("ten files go at once, empty ones too", async () => {
  const { alice, bob } = await pair();
  const contents = Array.from({ length: 10 }, (_, i) => bytesOf(i * 700));
  const id = await sent(
    alice,
    bob,
    contents.map((bytes, i) => fileOf(bytes, `${i}.bin`, "")),
  );
  const files = await Promise.all(contents.map((_, i) => fetchFile(bob, id, i)));
  for (const [i, file] of files.entries())
    assert.equal(await contentOf(file), digestOf(contents[i]));
});

test("files that are together more than is kept come and go side by side", async () => {
  const { alice, bob } = await pair();
  for (const { device } of [alice, bob]) {
    device.keptBytes = SMALL.length;
    await device.reload();
    await device.online();
  }
  const contents = [LARGE, bytesOf(LARGE.length - 1)];
  const ids = await Promise.all(contents.map((bytes) => sent(alice, bob, [fileOf(bytes)])));
  const files = await Promise.all(ids.map((id) => fetchFile(bob, id)));
  for (const [index, file] of files.entries()) {
    assert.equal(await contentOf(file), digestOf(contents[index]));
  }
});

test("how far a transfer is begins anew when it is encrypted, and ends at all of it", async () => {
  const { alice, bob } = await pair();
  const files = [fileOf(SMALL), fileOf(LARGE), fileOf(LARGE), fileOf(LARGE)];
  const goOn = holding(alice.device, (path) => path.includes("/parts/"));
  const id = await sendTo(alice, bob, files);
  const held = await becomes(alice, id, "uploading");
  assert.equal(sumOf(held.files).doneBytes, 0, "what was encrypted has not been sent");
  alice.device.events.length = 0;
  goOn();
  await becomes(alice, id, "open");
  for (const [index, { size }] of files.entries()) {
    const done = alice.device.events
      .filter(([name, news]) => name === "transferProgress" && news.index === index)
      .map(([, { doneBytes }]) => doneBytes);
    assert.deepEqual(
      done,
      [...done].sort((one, other) => one - other),
    );
    assert.ok(done.every((bytes) => bytes >= 0));
    assert.equal(done.at(-1), size);
  }
});

test("three transfers of ten files go side by side, although the server bounds what is unfinished", async () => {
  const { alice, bob } = await pair();
  const goOn = holding(alice.device, (path) => path.includes("/parts/"));
  const ten = Array.from({ length: 10 }, (_, i) => fileOf(bytesOf(i), `${i}.bin`));
  const ids = [];
  for (let i = 0; i < 3; i += 1) ids.push(await sendTo(alice, bob, ten));
  goOn();
  for (const id of ids) await becomes(alice, id, "open");
});

test("nothing is known before the first look at the server, and what was known is there without it", async () => {
  const { server, alice, bob } = await pair();
  const lists = (device) => device.events.filter(([name]) => name === "transfers");
  assert.equal(lists(alice.device)[0][1], null);
  await until("looked", () => alice.device.slices.transfers !== null);
  assert.deepEqual(alice.device.slices.transfers, { received: [], sent: [] });
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  await fetchFile(bob, id);
  for (const person of [alice, bob]) {
    server.refuse = (method, path) => (path.startsWith("/api/transfers") ? [503, "x"] : null);
    await person.device.reload();
  }
  assert.equal(sentOf(alice, id).files[0].name, "Báo cáo.pdf");
  assert.equal(itemOf(bob, id).state, "done");
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(SMALL));
});

test("heads are for the devices that a person has when everything is there, and for no later one", async () => {
  const { server, alice, bob } = await pair();
  const goOn = refusing(server, isPart);
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  const second = { device: closing((await logIn(server, bob)).device) };
  await second.device.online();
  goOn();
  await becomes(alice, id, "open");
  for (const person of [bob, second]) {
    await arrives(person, id);
    assert.equal(await contentOf(await fetchFile(person, id)), digestOf(SMALL));
  }
  const third = { device: closing((await logIn(server, bob)).device) };
  assert.equal((await arrives(third, id)).refusal, "not-for-us");
  await assert.rejects(fetchFile(third, id), { code: "not_for_us" });
});

test("S3-27: whoever is there when something comes is told once", async () => {
  const { server, alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  const notices = () => bob.device.events.filter(([name]) => name === "notice");
  await until("notice", () => notices().length === 1);
  const [, notice] = notices()[0];
  assert.deepEqual(notice, {
    kind: "info",
    text: "transfers.arrived",
    params: { name: "Alice" },
  });
  server.tell([bob.id], { type: "transfer.new", transfer: id, user: alice.id });
  server.log.length = 0;
  await until("looked", () => server.log.includes("GET /api/transfers/inbox"));
  await bob.device.call("devices");
  assert.equal(notices().length, 1);
});

for (const [code, files, more] of [
  ["bad_request", []],
  ["bad_request", Array.from({ length: 11 }, () => fileOf(SMALL))],
  ["bad_request", [fileOf(SMALL)], { livesMs: 59_000 }],
  ["bad_request", [fileOf(SMALL)], { livesMs: 8 * DAY_MS }],
  ["bad_request", [fileOf(SMALL)], { maxDownloads: 0 }],
]) {
  test(`${files.length} files ${JSON.stringify(more ?? {})} are refused as ${code}`, async () => {
    const { alice, bob } = await pair();
    await assert.rejects(sendTo(alice, bob, files, more), { code });
    assert.deepEqual(alice.device.slices.transfers.sent, []);
  });
}

for (const code of ["too_large", "quota_full", "forbidden"]) {
  test(`what the server refuses as ${code} is refused before anything is kept`, async () => {
    const { server, alice, bob } = await pair();
    refusing(server, (method, path) => path === "/api/files", [403, code]);
    await assert.rejects(sendTo(alice, bob, [fileOf(LARGE)]), { code });
    await until("nothing", () => alice.device.slices.transfers?.sent.length === 0);
    assert.deepEqual(await keptBy(alice), [0, 0]);
    await until("ended", () => [...server.transfers.values()].every(({ ended }) => ended));
  });
}

test("a file that changes while it is read ends the whole, and leaves nothing", async () => {
  const { alice, bob } = await pair();
  const gone = fileOf(SMALL);
  const arrayBuffer = () => Promise.reject(new DOMException("gone", "NotReadableError"));
  gone.slice = () => ({ arrayBuffer });
  await assert.rejects(sendTo(alice, bob, [fileOf(LARGE), gone]), { code: "file_changed" });
  assert.deepEqual(await keptBy(alice), [0, 0]);
});

test("strangers get nothing, and who has changed nothing until somebody decides", async () => {
  const { server, alice, bob } = await pair();
  const carol = await signUp(server, "Carol");
  closing(carol.device);
  await assert.rejects(sendTo(alice, carol, [fileOf(SMALL)]), { code: "not_contact" });
  await bob.device.call("logOut", { everywhere: true });
  const again = { device: closing(await startAnew(server, bob)) };
  await until("changed", () => alice.device.room(bob).peer.identity === "changed");
  await assert.rejects(sendTo(alice, bob, [fileOf(SMALL)]), { code: "identity_changed" });
  await alice.device.call("acceptIdentity", { user: bob.id });
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  await arrives(again, id);
  assert.equal(await contentOf(await fetchFile(again, id)), digestOf(SMALL));
});

test("an identity that changes during the upload stops it, and a person can let it go on", async () => {
  const { server, alice, bob } = await pair();
  const goOn = refusing(server, isPart);
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  await bob.device.call("logOut", { everywhere: true });
  const again = { device: closing(await startAnew(server, bob)) };
  await until("changed", () => alice.device.room(bob).peer.identity === "changed");
  goOn();
  assert.equal((await becomes(alice, id, "failed")).failure, "identity_changed");
  await alice.device.call("acceptIdentity", { user: bob.id });
  await alice.device.call("retryTransfer", { id });
  await arrives(again, id);
});

test("an upload goes on after a reload, without the page's file, and keeps nothing when it is done", async () => {
  const { server, alice, bob } = await pair();
  refusing(server, (method, path) => path.endsWith("/parts/1"));
  const id = await sendTo(alice, bob, [fileOf(LARGE)]);
  await until("a part", () => [...server.files.values()][0]?.parts.has(0));
  const first = [...server.files.values()][0].parts.get(0);
  await until("moving", () => sentOf(alice, id)?.files[0].state === "moving");
  await becomes(alice, id, "uploading");
  await alice.device.reload();
  server.refuse = () => null;
  await becomes(alice, id, "open");
  assert.equal([...server.files.values()][0].parts.get(0), first, "what was there stays there");
  await arrives(bob, id);
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(LARGE));
  await until("cleared", async () => (await keptBy(alice)).join() === "0,0");
});

test("one that is paused stays so after a reload, as far as it came, and goes on when it is told to", async () => {
  const { server, alice, bob } = await pair();
  const goOn = refusing(server, (method, path) => path.endsWith("/parts/1"));
  const id = await sendTo(alice, bob, [fileOf(LARGE), fileOf(SMALL)]);
  await until("the second part", () => server.log.some((line) => line.endsWith("/parts/1")));
  await alice.device.call("pauseTransfer", { id, on: true });
  const paused = await becomes(alice, id, "paused");
  assert.equal(paused.files[0].state, "waiting");
  assert.ok(paused.files[0].doneBytes > 0);
  await alice.device.reload();
  await alice.device.online();
  goOn();
  await alice.device.call("pauseTransfer", { id, on: true });
  assert.equal((await becomes(alice, id, "paused")).failure, null);
  await alice.device.call("pauseTransfer", { id, on: false });
  await arrives(bob, id);
  await alice.device.call("pauseTransfer", { id, on: true });
  assert.equal(sentOf(alice, id).state, "open", "what is open is not held");
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(LARGE));
});

test("one that is paused can be withdrawn", async () => {
  const { server, alice, bob } = await pair();
  refusing(server, isPart);
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  await becomes(alice, id, "uploading");
  await alice.device.call("pauseTransfer", { id, on: true });
  await alice.device.call("withdrawTransfer", { id });
  await until("gone", () => sentOf(alice, id) === undefined);
  assert.deepEqual(await keptBy(alice), [0, 0]);
});

test("without a network it waits, and goes on by itself", async () => {
  const { alice, bob } = await pair();
  alice.device.randomness = 1_000; // whoever slept its delay out would wake hours later
  alice.device.setOnline(false);
  await isOffline(alice);
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  await becomes(alice, id, "uploading");
  alice.device.setOnline(true);
  await arrives(bob, id);
});

test("the same call made again, as when another tab takes the lead, is the same transfer", async () => {
  const { server, alice, bob } = await pair();
  const form = formOf({ kind: "person", user: bob.id }, [fileOf(SMALL)]);
  const context = { tab: "tab", msgId: "AAAAAAAAAAAAAAAAAAAAAA" };
  const { id } = await alice.device.engine.call("sendTransfer", form, context);
  await alice.device.reload();
  assert.equal((await alice.device.engine.call("sendTransfer", form, context)).id, id);
  await becomes(alice, id, "open");
  assert.deepEqual([server.transfers.size, server.files.size], [1, 1]);
});

test("a reload while it is being encrypted leaves nothing, and the call can be made again", async () => {
  const { server, alice, bob } = await pair();
  const last = stuck("b.bin");
  const files = [fileOf(LARGE, "a.bin"), last];
  const context = { tab: "tab", msgId: "AAAAAAAAAAAAAAAAAAAAAA" };
  const to = { kind: "person", user: bob.id };
  void alice.device.engine.call("sendTransfer", formOf(to, files), context).catch(() => {});
  await until("preparing", () => last.isRead && sentOf(alice, context.msgId));
  const shown = sentOf(alice, context.msgId);
  assert.deepEqual([shown.state, shown.files[0].name], ["preparing", "a.bin"]);
  await alice.device.reload();
  await until("empty", () => alice.device.slices.transfers?.sent.length === 0);
  assert.deepEqual(await keptBy(alice), [0, 0]);
  const whole = formOf(to, [fileOf(SMALL)]);
  const { id } = await alice.device.engine.call("sendTransfer", whole, context);
  await arrives(bob, id);
  assert.equal(server.transfers.size, 1);
});

for (const seen of ["open", "draft"]) {
  test(`an answer that is lost is no second transfer, although heads are sealed anew (${seen})`, async () => {
    const { server, alice, bob } = await pair();
    const { browser } = alice.device;
    const { fetch } = browser;
    browser.fetch = async (url, init) => {
      const answer = await fetch(url, init);
      return url.endsWith("/send") ? new Promise(() => {}) : answer;
    };
    const id = await sendTo(alice, bob, [fileOf(SMALL)]);
    await until("open there", () => server.transfers.get(id)?.state === "open");
    // "draft": the first call arrives at the server after the second life of the page has asked.
    browser.fetch = async (url, init) => {
      const answer = await fetch(url, init);
      const isBegin = init.method === "POST" && url.endsWith("/api/transfers");
      const text = async () => (await answer.text()).replace('"open"', `"${seen}"`);
      return isBegin ? { ...answer, text } : answer;
    };
    await alice.device.reload();
    assert.equal((await becomes(alice, id, "open")).failure, null);
    await arrives(bob, id);
    assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(SMALL));
  });
}

test("what the server refuses as a conflict, and does not know as sent, has failed", async () => {
  const { server, alice, bob } = await pair();
  refusing(server, (method, path) => path.endsWith("/send"), [409, "conflict"]);
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  assert.equal((await becomes(alice, id, "failed")).failure, "conflict");
});

for (const code of ["storage_full", "quota_full", "not_contact"]) {
  test(`an upload that ends as ${code} waits for a person, who can try again or give it up`, async () => {
    const { server, alice, bob } = await pair();
    const isLast = (method, path) => path.endsWith("/send");
    const goOn = refusing(server, isLast, [403, code]);
    const id = await sendTo(alice, bob, [fileOf(SMALL)]);
    const failed = await becomes(alice, id, "failed");
    assert.equal(failed.failure, code);
    await alice.device.reload();
    await becomes(alice, id, "failed");
    goOn();
    await alice.device.call("retryTransfer", { id });
    await arrives(bob, id);
    await assert.rejects(alice.device.call("retryTransfer", { id }), { code: "not_found" });
  });
}

test("an upload that was interrupted until its draft ended has failed for good, and keeps nothing", async () => {
  const { server, alice, bob } = await pair();
  const goOn = refusing(server, isPart);
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  await becomes(alice, id, "uploading");
  server.transfers.get(id).ended = true;
  goOn();
  await alice.device.reload();
  assert.equal((await becomes(alice, id, "failed")).failure, "draft_ended");
  await until("cleared", async () => (await keptBy(alice)).join() === "0,0");
  await assert.rejects(alice.device.call("retryTransfer", { id }), { code: "not_found" });
  await alice.device.call("forgetTransfer", { id });
  await until("gone", () => sentOf(alice, id) === undefined);
});

for (const [what, isRefused] of [
  ["a part", isPart],
  ["a file", (method, path) => path.endsWith("/commit")],
  ["all of it", (method, path) => path.endsWith("/send")],
]) {
  test(`a draft that has ended when ${what} comes is said to have ended`, async () => {
    const { server, alice, bob } = await pair();
    refusing(server, isRefused, [404, "not_found"]);
    const id = await sendTo(alice, bob, [fileOf(SMALL)]);
    assert.equal((await becomes(alice, id, "failed")).failure, "draft_ended");
  });
}

test("one that failed can be taken off the list, and ends at the server", async () => {
  const { server, alice, bob } = await pair();
  refusing(server, isPart, [403, "quota_full"]);
  const id = await sendTo(alice, bob, [fileOf(LARGE)]);
  assert.equal((await becomes(alice, id, "failed")).files[0].state, "failed");
  await alice.device.call("forgetTransfer", { id });
  await until("gone", () => sentOf(alice, id) === undefined);
  assert.deepEqual(await keptBy(alice), [0, 0]);
  await until("ended", () => server.transfers.get(id).ended);
});

test("a transfer is withdrawn while it is prepared, while it goes up, and when it is open", async () => {
  const { server, alice, bob } = await pair();
  const file = stuck("a.bin");
  const form = formOf({ kind: "person", user: bob.id }, [file]);
  const context = { tab: "tab", msgId: "AAAAAAAAAAAAAAAAAAAAAA" };
  const sending = alice.device.engine.call("sendTransfer", form, context);
  sending.catch(() => {});
  await until("preparing", () => sentOf(alice, context.msgId)?.state === "preparing");
  await until("read", () => file.isRead);
  await alice.device.call("withdrawTransfer", { id: context.msgId });
  file.release();
  await assert.rejects(sending, { code: "cancelled" });

  const goOn = refusing(server, isPart);
  const moving = await sendTo(alice, bob, [fileOf(LARGE)]);
  await becomes(alice, moving, "uploading");
  await alice.device.call("withdrawTransfer", { id: moving });
  await until("gone", () => alice.device.slices.transfers.sent.length === 0);
  assert.deepEqual(await keptBy(alice), [0, 0]);
  await until("ended", () => [...server.transfers.values()].every(({ ended }) => ended));
  goOn();

  const id = await sent(alice, bob, [fileOf(SMALL)]);
  await assert.rejects(alice.device.call("forgetTransfer", { id }), { code: "bad_request" });
  await alice.device.call("withdrawTransfer", { id });
  assert.equal((await becomes(alice, id, "ended")).link, null);
  await until("gone", () => receivedOf(bob, id) === undefined);
  await alice.device.call("withdrawTransfer", { id });
  await alice.device.call("forgetTransfer", { id });
  await until("forgotten", () => sentOf(alice, id) === undefined);
});

test("without a network what others can see is not withdrawn, and the page is told", async () => {
  const { alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  alice.device.setOnline(false);
  await assert.rejects(alice.device.call("withdrawTransfer", { id }), { code: "offline" });
  assert.equal(sentOf(alice, id).state, "open");
});

test("another browser of the sender sees what was sent, without names, and can withdraw it", async () => {
  const { server, alice, bob } = await pair();
  const second = { device: closing((await logIn(server, alice)).device) };
  const ids = [
    await sent(alice, bob, [fileOf(SMALL)]),
    await send(alice, { kind: "link" }, [fileOf(SMALL)]),
  ];
  await becomes(alice, ids[1], "open");
  await second.device.reload();
  for (const id of ids) {
    const shown = await becomes(second, id, "open");
    assert.deepEqual([shown.files[0].name, shown.link, shown.fingerprint], ["", null, null]);
    await second.device.call("withdrawTransfer", { id });
    await until("gone", () => sentOf(second, id) === undefined);
    await becomes(alice, id, "ended");
  }
});

test("what has run out is ended, at once and without a network, and forgotten after 30 days", async () => {
  const { server, alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  await fetchFile(bob, id);
  server.transfers.get(id).expiresMs = Date.now() - 1;
  server.tell([alice.id, bob.id], { type: "transfer.changed", transfer: id });
  await becomes(alice, id, "ended");
  await until("gone", () => receivedOf(bob, id) === undefined);
  assert.deepEqual(await keptBy(bob), [0, 0]);

  await sent(alice, bob, [fileOf(SMALL)]);
  for (const [days, expected] of [
    [8, ["ended", "ended"]],
    [39, []],
  ]) {
    alice.device.engine.close();
    alice.device.browser.setOnline(false);
    alice.device.clockOffsetMs = days * DAY_MS;
    alice.device.slices = {};
    await alice.device.start();
    const states = (alice.device.slices.transfers?.sent ?? []).map(({ state }) => state);
    assert.deepEqual(states, expected);
  }
});

test("downloads are counted by device, and beyond the limit it is used up", async () => {
  const { server, alice, bob } = await pair();
  const second = { device: closing((await logIn(server, bob)).device) };
  await until("devices", () => server.activeDevices(bob.id).length === 2);
  const files = [fileOf(SMALL), fileOf(LARGE)];
  const id = await sent(alice, bob, files, { maxDownloads: 1 });
  for (const index of [0, 1, 0]) await fetchFile(bob, id, index);
  await arrives(second, id);
  await assert.rejects(fetchFile(second, id), { code: "used_up" });
  await until("failed", () => itemOf(second, id).state === "failed");
  assert.equal(itemOf(second, id).failure, "used_up");
  await until("counted", () => sentOf(alice, id).downloads === 1);
  assert.equal(sentOf(alice, id).maxDownloads, 1);
});

test("a download tells how far it is, goes on after a reload, and is fetched once", async () => {
  const { server, alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(LARGE)]);
  const { fetch } = bob.device.browser;
  let ranges = 0;
  bob.device.browser.fetch = (url, init) => {
    if (init.headers.Range !== undefined) ranges += 1;
    return ranges < 2 ? fetch(url, init) : new Promise(() => {});
  };
  void fetchFile(bob, id).catch(() => {});
  await until("the second part", () => ranges === 2);
  await until("moving", () => itemOf(bob, id).state === "moving");
  bob.device.browser.fetch = fetch;
  const [, progress] = bob.device.events.find(([name]) => name === "transferProgress");
  assert.deepEqual(progress, { id, index: 0, doneBytes: 0, totalBytes: LARGE.length });
  await bob.device.reload();
  await until("waiting", () => itemOf(bob, id)?.state === "waiting");
  server.log.length = 0;
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(LARGE));
  assert.equal(server.log.filter((line) => line.endsWith("/content")).length, 2);
});

test("a download that others keep waiting says so, and can be cancelled while it waits", async () => {
  const { alice, bob } = await pair();
  const id = await sent(
    alice,
    bob,
    Array.from({ length: 3 }, (_, i) => fileOf(LARGE, `${i}.bin`)),
  );
  const goOn = holding(bob.device, (path) => path.endsWith("/content"));
  const fetching = [0, 1, 2].map((index) => fetchFile(bob, id, index));
  const states = () => receivedOf(bob, id).files.map(({ state }) => state);
  await until("queued", () => states().join() === "moving,moving,queued");
  const refused = assert.rejects(fetching[2], { code: "cancelled" });
  await bob.device.call("cancelFetchTransfer", { id, index: 2 });
  await refused;
  await until("waiting", () => states().join() === "moving,moving,waiting");
  goOn();
  await Promise.all(fetching.slice(0, 2));
});

test("a download that is cancelled stops, and can be begun again", async () => {
  const { server, alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(LARGE)]);
  const goOn = refusing(server, (method, path) => path.endsWith("/content"));
  const fetching = fetchFile(bob, id);
  fetching.catch(() => {});
  await until("moving", () => itemOf(bob, id).state === "moving");
  await bob.device.call("cancelFetchTransfer", { id, index: 0 });
  await assert.rejects(fetching, { code: "cancelled" });
  await until("waiting", () => itemOf(bob, id).state === "waiting");
  goOn();
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(LARGE));
});

test("a file that is no longer there is gone", async () => {
  const { server, alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  server.files.clear();
  await assert.rejects(fetchFile(bob, id), { code: "gone" });
  await until("gone", () => itemOf(bob, id).state === "gone");
});

test("that all of it is here is said once, and later when it could not be said", async () => {
  const { server, alice, bob } = await pair();
  const isSaid = (method, path) => path.endsWith("/downloaded");
  const goOn = refusing(server, isSaid);
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  await fetchFile(bob, id);
  assert.equal(sentOf(alice, id).downloadedMs, null);
  goOn();
  await bob.device.reload();
  await until("said", () => sentOf(alice, id).downloadedMs !== null);
  server.log.length = 0;
  await bob.device.reload();
  await arrives(bob, id);
  await fetchFile(bob, id);
  assert.equal(
    server.log.some((line) => line.endsWith("/downloaded")),
    false,
  );
});

test("whom it is for can decline it; the sender sees that it has ended", async () => {
  const { alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  await bob.device.call("declineTransfer", { id });
  await until("gone", () => receivedOf(bob, id) === undefined);
  await becomes(alice, id, "ended");
});

test("a log-out takes transfers along, and nothing of them lies in the clear before", async () => {
  const { alice, bob } = await pair();
  const canary = new TextEncoder().encode("CANARY-4417 of a content".repeat(100));
  const id = await sent(alice, bob, [fileOf(canary, "CANARY-name.txt")]);
  await fetchFile(bob, id);
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
    await device.call("logOut", { everywhere: false });
    assert.deepEqual(await device.indexedDB.databases(), []);
  }
});
