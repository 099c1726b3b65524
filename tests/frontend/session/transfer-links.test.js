import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { decryptFile } from "../../../frontend/js/crypto/cobblestone.js";
import { fileContext } from "../../../frontend/js/crypto/file-manifest.js";
import { unpadFile } from "../../../frontend/js/crypto/file-padding.js";
import {
  deriveLinkKeys,
  openLinkManifest,
  parseFragment,
  protectSecret,
} from "../../../frontend/js/crypto/link.js";
import { readLinkManifest } from "../../../frontend/js/crypto/link-manifest.js";
import { fingerprint } from "../../../frontend/js/crypto/safety-number.js";
import { fromBase64url, toBase64url } from "../../../frontend/js/lib/bytes.js";
import { dumpDatabase, logIn, quickArgon2, signUp, startAnew, until } from "./people.js";
import {
  arrives,
  becomes,
  closeAll,
  closing,
  contentOf,
  digestOf,
  fetchFile,
  fileOf,
  LARGE,
  pair,
  receivedOf,
  refusing,
  send,
  sentOf,
  SMALL,
} from "./transfer-fixtures.js";

afterEach(closeAll);

const PASSPHRASE = "six plain words of mine";
const LINK = { kind: "link" };

/** Open a link as its page does: with nothing but the link, and what the server has. */
async function openLink(server, { id, link }, passphrase = null) {
  const transferId = fromBase64url(id, 16);
  assert.equal(link.split("#")[0], `/t/${id}`);
  const secret = parseFragment(link.split("#")[1]);
  const opener =
    passphrase === null ? secret : await protectSecret(secret, passphrase, transferId, quickArgon2);
  const { auth, manifestKey } = await deriveLinkKeys(opener);
  const { link: offer } = server.transfers.get(id);
  assert.equal(digestOf(auth), offer.auth_hash);
  const sealed = fromBase64url(offer.manifest);
  const json = await openLinkManifest(manifestKey, transferId, sealed);
  const { files, from } = await readLinkManifest(json, transferId);
  const contents = await Promise.all(files.map((file) => contentAt(server, file)));
  return { names: files.map(({ name }) => name), contents, from };
}

async function contentAt(server, { fileId, fileKey, sizeBytes }) {
  const { parts } = server.files.get(toBase64url(fileId));
  const stored = async function* () {
    for (let n = 0; n < parts.size; n += 1) yield Uint8Array.from(parts.get(n));
  };
  const pieces = [];
  const padded = decryptFile(fileKey, fileContext(fileId), stored());
  for await (const piece of unpadFile(padded, sizeBytes)) pieces.push(piece.slice());
  return digestOf(Buffer.concat(pieces));
}

async function alone() {
  const { server, alice, bob } = await pair();
  return { server, alice, bob };
}

test("S3-16: whoever has the link gets the files, and who made it when they want to be named", async () => {
  const { server, alice } = await alone();
  const id = await send(alice, LINK, [fileOf(LARGE), fileOf(SMALL, "b")], { maxDownloads: 5 });
  const shown = await becomes(alice, id, "open");
  assert.deepEqual([shown.hasPassphrase, shown.maxDownloads, shown.name], [false, 5, ""]);
  const { names, contents, from } = await openLink(server, shown);
  assert.deepEqual(names, ["Báo cáo.pdf", "b"]);
  assert.deepEqual(contents, [digestOf(LARGE), digestOf(SMALL)]);
  assert.deepEqual([from.name, toBase64url(from.userId)], ["Alice", alice.id]);
  assert.equal(shown.fingerprint, await fingerprint(from));
  const again = await send(alice, LINK, [fileOf(SMALL)], { signed: false });
  const unsigned = await becomes(alice, again, "open");
  assert.equal(unsigned.fingerprint, null);
  assert.equal((await openLink(server, unsigned)).from, null);
  assert.deepEqual(alice.device.errors, []);
});

test("a link is shown again after a reload, with its fingerprint, and by no other browser", async () => {
  const { server, alice } = await alone();
  const id = await send(alice, LINK, [fileOf(SMALL)]);
  const { link, fingerprint: own } = await becomes(alice, id, "open");
  await alice.device.reload();
  const shown = await becomes(alice, id, "open");
  assert.deepEqual([shown.link, shown.fingerprint], [link, own]);
  const second = { device: closing((await logIn(server, alice)).device) };
  assert.equal((await becomes(second, id, "open")).link, null);
});

test("a passphrase opens a link together with its secret, and is kept nowhere", async () => {
  const { server, alice } = await alone();
  const bodies = [];
  server.refuse = (method, path, body) => {
    bodies.push(JSON.stringify(body ?? null));
    return null;
  };
  const id = await send(alice, LINK, [fileOf(SMALL)], { passphrase: PASSPHRASE });
  const shown = await becomes(alice, id, "open");
  assert.equal(shown.hasPassphrase, true);
  assert.deepEqual((await openLink(server, shown, PASSPHRASE)).contents, [digestOf(SMALL)]);
  await assert.rejects(openLink(server, shown), { code: "ERR_ASSERTION" });
  const [, secret] = shown.link.split("#1.");
  assert.equal(
    bodies.some((body) => body.includes(secret) || body.includes(PASSPHRASE)),
    false,
    "neither reaches the server",
  );
  const dump = JSON.stringify(await dumpDatabase(alice.device.indexedDB), (_, value) =>
    ArrayBuffer.isView(value) ? Buffer.from(value).toString("latin1") : value,
  );
  assert.equal(dump.includes(secret) || dump.includes(PASSPHRASE), false);
});

test("a link is made when its files are encrypted: a reload before it is open changes nothing", async () => {
  const { server, alice } = await alone();
  const goOn = refusing(server, (method, path) => path.endsWith("/send"));
  const id = await send(alice, LINK, [fileOf(SMALL)], { passphrase: PASSPHRASE });
  const shown = await becomes(alice, id, "uploading");
  assert.equal(shown.link, null, "nobody hands over what leads nowhere yet");
  await alice.device.reload();
  goOn();
  const opened = await becomes(alice, id, "open");
  assert.deepEqual((await openLink(server, opened, PASSPHRASE)).contents, [digestOf(SMALL)]);
});

test("a link that is withdrawn is shown no more", async () => {
  const { alice } = await alone();
  const id = await send(alice, LINK, [fileOf(SMALL)]);
  await becomes(alice, id, "open");
  await alice.device.call("withdrawTransfer", { id });
  assert.equal((await becomes(alice, id, "ended")).link, null);
});

test("short passphrases are refused, and links where the operator has switched them off", async () => {
  const { server, alice } = await alone();
  const short = send(alice, LINK, [fileOf(SMALL)], { passphrase: "too short" });
  await assert.rejects(short, { code: "weak_password" });
  server.links = false;
  for (const to of [LINK, { kind: "address", email: "dan@example.org" }]) {
    await assert.rejects(send(alice, to, [fileOf(SMALL)]), { code: "forbidden" });
  }
  await until("nothing", () => alice.device.slices.transfers?.sent.length === 0);
});

/** Somebody with an address that the sender knows, and nothing else. */
async function stranger(server, name = "Dan") {
  const person = await signUp(server, name);
  closing(person.device);
  return person;
}
const toAddress = ({ email }) => ({ kind: "address", email });
const offered = (person, id) =>
  until("offered", () => receivedOf(person, id)?.state === "offered" && receivedOf(person, id));

test("S3-25: a file for an address waits as a link, and is sealed for whoever accepts it", async () => {
  const { server, alice } = await alone();
  const email = "Dan-of-tests@example.org";
  const id = await send(alice, toAddress({ email }), [fileOf(LARGE), fileOf(SMALL, "b")]);
  const waiting = await becomes(alice, id, "open");
  assert.deepEqual(waiting.to, { kind: "address", email: email.toLowerCase() });
  assert.deepEqual([waiting.accepted, waiting.sealed, waiting.name], [false, false, ""]);
  assert.deepEqual((await openLink(server, waiting)).contents, [digestOf(LARGE), digestOf(SMALL)]);
  // The address gets an account later.
  server.accounts.get(alice.id).contacts.clear();
  const dan = await stranger(server);
  server.accounts.get(dan.id).email = email.toLowerCase();
  await dan.device.reload();
  const offer = await offered(dan, id);
  assert.deepEqual([offer.origin, offer.sender.displayName], [null, "Alice"]);
  assert.deepEqual(
    offer.files.map(({ name, state }) => [name, state]),
    [
      ["", "waiting"],
      ["", "waiting"],
    ],
  );
  await assert.rejects(fetchFile(dan, id), { code: "not_found" });
  await dan.device.call("acceptTransfer", { id });
  const got = await arrives(dan, id);
  assert.deepEqual([got.state, got.origin.kind, got.refusal], ["sealed", "known", null]);
  assert.equal(await contentOf(await fetchFile(dan, id, 0)), digestOf(LARGE));
  assert.equal(await contentOf(await fetchFile(dan, id, 1)), digestOf(SMALL));
  const sealed = await until("sealed", () => sentOf(alice, id).sealed && sentOf(alice, id));
  assert.deepEqual([sealed.accepted, sealed.name], [true, "Dan"]);
  const people = dan.device.slices.people.people.map((p) => [p.id, p.relation]);
  assert.deepEqual(people, [[alice.id, "accepted"]]);
  const errors = [...alice.device.errors, ...dan.device.errors];
  assert.deepEqual(
    errors.filter(({ level }) => level === "error"),
    [],
  );
});

test("who accepts while the sender is away waits until a device with the keys is there", async () => {
  const { server, alice } = await alone();
  const dan = await stranger(server);
  const id = await send(alice, toAddress(dan), [fileOf(SMALL)]);
  await becomes(alice, id, "open");
  const second = { device: closing((await logIn(server, alice)).device) };
  alice.device.setOnline(false);
  await offered(dan, id);
  await dan.device.call("acceptTransfer", { id });
  await until("accepted", () => sentOf(second, id)?.accepted);
  assert.equal(receivedOf(dan, id).state, "accepted");
  alice.device.setOnline(true);
  await arrives(dan, id);
  assert.equal(await contentOf(await fetchFile(dan, id)), digestOf(SMALL));
});

test("whoever offers files is named by the notice only once they were accepted", async () => {
  const { server, alice } = await alone();
  const dan = await stranger(server);
  const notices = () => dan.device.events.filter(([name]) => name === "notice").map(([, it]) => it);
  const id = await send(alice, toAddress(dan), [fileOf(SMALL)]);
  await offered(dan, id);
  await until("told", () => notices().length === 1);
  assert.deepEqual(notices()[0], { kind: "info", text: "transfers.offered", params: {} });
  await dan.device.call("acceptTransfer", { id });
  await until("told again", () => notices().length === 2);
  assert.deepEqual(notices()[1].params, { name: "Alice" });
});

test("heads that could not be brought are brought at the next look", async () => {
  const { server, alice } = await alone();
  const dan = await stranger(server);
  const id = await send(alice, toAddress(dan), [fileOf(SMALL)]);
  await offered(dan, id);
  const goOn = refusing(server, (method, path) => method === "PUT" && path.endsWith("/heads"));
  await dan.device.call("acceptTransfer", { id });
  await until("tried", () =>
    server.log.some((line) => line.startsWith("PUT") && line.endsWith("/heads")),
  );
  goOn();
  await alice.device.reload();
  await arrives(dan, id);
  assert.equal(alice.device.errors.at(-1)?.event, "transfer.unserved");
});

test("nothing is sealed for somebody whose identity has changed, until a person has decided", async () => {
  const { server, alice, bob } = await alone();
  const id = await send(alice, toAddress(bob), [fileOf(SMALL)]);
  await becomes(alice, id, "open");
  await bob.device.call("logOut", { everywhere: true });
  const again = { device: closing(await startAnew(server, bob)) };
  await until("changed", () => alice.device.room(bob).peer.identity === "changed");
  await offered(again, id);
  await again.device.call("acceptTransfer", { id });
  const isUnserved = ({ event }) => event === "transfer.unserved";
  await until("told", () => alice.device.errors.some(isUnserved));
  assert.equal(server.transfers.get(id).heads, null);
  await alice.device.call("acceptIdentity", { user: bob.id });
  await arrives(again, id);
  assert.equal(await contentOf(await fetchFile(again, id)), digestOf(SMALL));
});

test("an offer is declined without a word to its sender", async () => {
  const { server, alice } = await alone();
  const dan = await stranger(server);
  const id = await send(alice, toAddress(dan), [fileOf(SMALL)]);
  await offered(dan, id);
  await dan.device.call("declineTransfer", { id });
  await until("gone", () => receivedOf(dan, id) === undefined);
  assert.equal(sentOf(alice, id).state, "open");
});
