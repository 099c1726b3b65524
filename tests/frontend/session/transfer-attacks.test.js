import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { befriend, dumpDatabase, signUp, startAnew, until } from "./people.js";
import {
  arrives,
  becomes,
  closeAll,
  closing,
  contentOf,
  digestOf,
  fetchFile,
  fileOf,
  itemOf,
  LARGE,
  pair,
  receivedOf,
  send,
  sendTo,
  sent,
  SMALL,
} from "./transfer-fixtures.js";

afterEach(closeAll);

const flip = (text, at) => {
  const bytes = Buffer.from(text, "base64url");
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  return bytes.toString("base64url");
};
const extend = (text) => Buffer.concat([Buffer.from(text, "base64url"), Buffer.alloc(1)]);
const FILES = [fileOf(LARGE, "a.bin"), fileOf(SMALL, "b.bin")];

/** What Bob makes of two files of Alice when the server lies to him. */
async function refusalOf(tell) {
  const { server, alice, bob } = await pair();
  tell(server, { alice, bob });
  const id = await sendTo(alice, bob, FILES);
  const { refusal, files } = await arrives(bob, id);
  await assert.rejects(fetchFile(bob, id), { code: refusal?.replaceAll("-", "_") });
  assert.deepEqual(
    files.map(({ name }) => name),
    ["", ""],
  );
  return refusal;
}

const LIES = {
  "swapped heads": (heads) => heads.toReversed(),
  "a head for two files": ([head]) => [head, head],
  "one head fewer": ([head]) => [head],
  "one head more": (heads) => [...heads, heads[0]],
  "no heads": () => [],
  "a changed manifest": ([head, ...rest]) => [flip(head, -20), ...rest],
  "a changed header": ([head, ...rest]) => [flip(head, 40), ...rest],
  "a head that is cut": ([head, ...rest]) => [head.slice(0, -8), ...rest],
  "a head with more behind it": ([head, ...rest]) => [extend(head).toString("base64url"), ...rest],
  "a head in another spelling": ([head, ...rest]) => [`${head}A`, ...rest],
};
for (const [name, lie] of Object.entries(LIES)) {
  test(`row 20: ${name} is damage, said without a name and without content`, async () => {
    assert.equal(
      await refusalOf((server) => {
        server.lie.heads = lie;
      }),
      "damaged",
    );
  });
}

test("row 20: content that is longer or shorter than its head says is damage", async () => {
  for (const by of [1, -1, 4 * 1024 * 1024]) {
    const lie = (shown) => ({
      ...shown,
      files: shown.files.map((file) => ({ ...file, size_bytes: file.size_bytes + by })),
    });
    assert.equal(
      await refusalOf((server) => {
        server.lie.received = lie;
      }),
      "damaged",
    );
  }
});

test("row 20: what another contact has signed does not pass for the sender's", async () => {
  const { server, alice, bob } = await pair();
  const carol = await signUp(server, "Carol");
  closing(carol.device);
  await befriend(carol, bob);
  server.lie.received = (shown) => ({ ...shown, sender: server.person(alice.id) });
  const id = await sendTo(carol, bob, [fileOf(SMALL)]);
  const got = await arrives(bob, id);
  assert.deepEqual([got.refusal, got.origin], ["wrong-sender", null]);
  await assert.rejects(fetchFile(bob, id), { code: "wrong_sender" });
  await bob.device.reload();
  assert.equal((await arrives(bob, id)).refusal, "wrong-sender");
});

test("heads of two senders in one transfer are refused", async () => {
  const { server, alice, bob } = await pair();
  const carol = await signUp(server, "Carol");
  closing(carol.device);
  await befriend(carol, bob);
  const theirs = await sent(carol, bob, [fileOf(SMALL)]);
  const foreign = server.transfers.get(theirs);
  foreign.ended = true;
  server.tell([bob.id], { type: "transfer.changed", transfer: theirs });
  await until("gone", () => receivedOf(bob, theirs) === undefined);
  server.lie.received = (shown) => ({ ...shown, files: [...shown.files, ...foreign.files] });
  server.lie.heads = (heads) => [...heads, ...foreign.heads];
  const id = await sendTo(alice, bob, [fileOf(SMALL)]);
  assert.equal((await arrives(bob, id)).refusal, "wrong-sender");
});

test("what is no transfer of this account is not opened: heads for others are not for us", async () => {
  const { server, alice, bob } = await pair();
  const carol = await signUp(server, "Carol");
  closing(carol.device);
  await befriend(alice, carol);
  const theirs = await sent(alice, carol, [fileOf(SMALL)]);
  server.transfers.get(theirs).user = bob.id;
  server.tell([bob.id], { type: "transfer.new", transfer: theirs, user: alice.id });
  const got = await arrives(bob, theirs);
  assert.deepEqual([got.refusal, got.files[0].name], ["not-for-us", ""]);
});

test("an earlier transfer that is shown once more under another id is not taken", async () => {
  const { server, alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  const again = "AAAAAAAAAAAAAAAAAAAAAA";
  server.transfers.set(again, { ...server.transfers.get(id), id: again, holders: new Set() });
  server.tell([bob.id], { type: "transfer.new", transfer: again, user: alice.id });
  assert.equal((await arrives(bob, again)).refusal, "damaged");
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(SMALL));
});

test("heads of an earlier transfer are of no use for another one", async () => {
  const { server, alice, bob } = await pair();
  const first = await sent(alice, bob, FILES);
  const { heads } = server.transfers.get(first);
  server.lie.heads = (honest, id) => (id === first ? honest : heads);
  const id = await sendTo(alice, bob, FILES);
  assert.equal((await arrives(bob, id)).refusal, "damaged");
});

test("whoever took the sender's place passes for nobody, also in what came before it was known", async () => {
  const { server, alice, bob } = await pair();
  const before = await sent(alice, bob, [fileOf(SMALL)]);
  await alice.device.call("logOut", { everywhere: true });
  const again = { device: closing(await startAnew(server, alice)) };
  await until("changed", () => bob.device.room(alice).peer.identity === "changed");
  await until("contacts", () => again.device.slices.people?.people.length > 0);
  const id = await sendTo(again, bob, [fileOf(SMALL)]);
  assert.equal((await arrives(bob, id)).refusal, "wrong-sender");
  assert.equal(receivedOf(bob, before).refusal, null);
  await bob.device.call("acceptIdentity", { user: alice.id });
  await until("accepted", () => receivedOf(bob, id).refusal === null);
  assert.equal(await contentOf(await fetchFile(bob, id)), digestOf(SMALL));
  assert.equal(receivedOf(bob, before).refusal, "wrong-sender");
});

test("a compared safety number shows in what was sent", async () => {
  const { alice, bob } = await pair();
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  await bob.device.call("setVerified", { user: alice.id, on: true });
  await until("verified", () => receivedOf(bob, id).origin.verified);
});

const flipPart = (bytes, at) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
const swap = (parts) => [...parts.values()].slice(0, 2).reverse();
const HARM = {
  "a flipped byte": (parts) => parts.set(1, flipPart(parts.get(1), 17)),
  "swapped parts": (parts) => swap(parts).forEach((part, i) => parts.set(i, part)),
  "a truncated tail": (parts) => parts.delete(2),
};
for (const [name, harm] of Object.entries(HARM)) {
  test(`${name} at the server is damage: nothing is handed out and nothing kept`, async () => {
    const { server, alice, bob } = await pair();
    const id = await sent(alice, bob, [fileOf(LARGE)]);
    harm([...server.files.values()][0].parts);
    await assert.rejects(fetchFile(bob, id), { code: "damaged" });
    await until("damaged", () => itemOf(bob, id).state === "damaged");
    const { files, file_parts: parts } = await dumpDatabase(bob.device.indexedDB);
    assert.deepEqual([files, parts], [[], []]);
    await bob.device.reload();
    assert.equal((await arrives(bob, id)).files[0].state, "damaged");
    assert.equal(server.transfers.get(id).downloadedMs, null);
  });
}

test("a server that shows a transfer for nobody, or of another form, stops nothing else", async () => {
  const { server, alice, bob } = await pair();
  const id = await send(alice, { kind: "link" }, [fileOf(SMALL)]);
  await becomes(alice, id, "open");
  server.lie.received = (shown) => ({ ...shown, created_ms: "long ago" });
  const other = await sendTo(alice, bob, [fileOf(SMALL)]);
  await becomes(alice, other, "open");
  await until("refused", () =>
    bob.device.errors.some(({ event }) => event === "transfer.new.failed"),
  );
  server.lie.received = (shown) => shown;
  server.tell([bob.id], { type: "transfer.new", transfer: other, user: alice.id });
  await arrives(bob, other);
});
