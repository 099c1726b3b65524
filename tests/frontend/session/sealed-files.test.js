import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "./fake-server.js";
import { couple, logIn, startAnew, until } from "./people.js";

const PASSPHRASE = "six plain words of mine";
const open = [];
afterEach(() => {
  for (const device of open.splice(0)) device.close();
});

async function pair() {
  const server = new FakeServer();
  const { alice, bob } = await couple(server);
  open.push(alice.device, bob.device);
  return { server, alice, bob };
}

const bytesOf = (length) => Uint8Array.from({ length }, (_, i) => i % 251);
const fileOf = (bytes, name = "Báo cáo.pdf") =>
  new File([bytes], name, { type: "application/pdf" });
const contentOf = async (file) => new Uint8Array(await file.arrayBuffer());
let jobs = 0;
const job = () => `job-${(jobs += 1)}`;

const seal = async (person, to, file = fileOf(bytesOf(300_000))) =>
  (await person.device.call("sealFile", { job: job(), file, to })).file;
const openAs = (person, file, more = {}) =>
  person.device.call("openFile", { job: job(), file, ...more });

test("S3-1: a file sealed for a contact opens there, and says whom it is from", async () => {
  const { alice, bob } = await pair();
  const sealed = await seal(alice, { kind: "contact", user: bob.id });
  assert.equal(sealed.name, "Báo cáo.pdf.seal");
  const opened = await openAs(bob, sealed);
  assert.equal(opened.verdict, "intact");
  assert.equal(opened.file.name, "Báo cáo.pdf");
  assert.equal(opened.file.type, "application/octet-stream");
  assert.deepEqual(await contentOf(opened.file), bytesOf(300_000));
  const { kind, user, verified } = opened.origin;
  assert.deepEqual({ kind, user, verified }, { kind: "known", user: alice.id, verified: false });
  assert.equal((await openAs(alice, sealed)).verdict, "not-for-us");
});

test("a compared safety number shows in the verdict", async () => {
  const { alice, bob } = await pair();
  await bob.device.call("setVerified", { user: alice.id, on: true });
  const opened = await openAs(bob, await seal(alice, { kind: "contact", user: bob.id }));
  assert.equal(opened.origin.verified, true);
});

test("both ends work without a network", async () => {
  const { alice, bob } = await pair();
  alice.device.setOnline(false);
  bob.device.setOnline(false);
  const opened = await openAs(bob, await seal(alice, { kind: "contact", user: bob.id }));
  assert.equal(opened.verdict, "intact");
});

test("what is sealed for oneself opens on every own device", async () => {
  const { server, alice } = await pair();
  const { device: second } = await logIn(server, alice);
  open.push(second);
  await until("the first device knows the second", async () => {
    const sealed = await seal(alice, { kind: "me" });
    const { verdict } = await second.call("openFile", { job: job(), file: sealed });
    return verdict === "intact";
  });
  const opened = await openAs(alice, await seal(alice, { kind: "me" }));
  assert.equal(opened.origin.kind, "own");
});

test("S3-4: a passphrase is asked for, and another one does not open it", async () => {
  const { alice, bob } = await pair();
  const sealed = await seal(alice, { kind: "passphrase", passphrase: PASSPHRASE });
  assert.equal((await openAs(bob, sealed)).verdict, "passphrase-needed");
  assert.equal((await openAs(bob, sealed, { passphrase: "another one" })).verdict, "not-for-us");
  const opened = await openAs(bob, sealed, { passphrase: PASSPHRASE });
  assert.equal(opened.origin.kind, "passphrase");
  assert.deepEqual(await contentOf(opened.file), bytesOf(300_000));
  const short = () => seal(alice, { kind: "passphrase", passphrase: "short" });
  await assert.rejects(short, { code: "weak_password" });
});

test("row 20: a changed file gets its verdict and no content", async () => {
  const { alice, bob } = await pair();
  const whole = await contentOf(await seal(alice, { kind: "contact", user: bob.id }));
  const flipped = whole.slice();
  flipped[whole.length - 100_000] ^= 1;
  const changes = {
    damaged: [flipped, whole.slice(0, -1), Uint8Array.from([...whole, 0])],
    newer: [whole.with(6, 9)],
    "not-sealed": [bytesOf(1_000), new Uint8Array(0)],
  };
  for (const [verdict, files] of Object.entries(changes)) {
    for (const bytes of files) {
      assert.deepEqual(await openAs(bob, fileOf(bytes)), { verdict, name: "" });
    }
  }
});

test("a job tells how far it is, and can be cancelled from its beginning", async () => {
  const { alice } = await pair();
  const file = fileOf(bytesOf(3_000_000));
  await seal(alice, { kind: "me" }, file);
  const [, progress] = alice.device.events.find(([event]) => event === "fileProgress");
  assert.deepEqual(progress, { job: progress.job, doneBytes: 0, totalBytes: 3_000_000 });

  const name = job();
  const sealing = alice.device.call("sealFile", { job: name, file, to: { kind: "me" } });
  await alice.device.call("cancelFile", { job: name });
  await assert.rejects(sealing, { code: "cancelled" });
  await alice.device.call("cancelFile", { job: "no such job" });
  await alice.device.call("releaseFile", { job: name });
});

test("whoever has changed gets nothing sealed, and passes for nobody", async () => {
  const { server, alice, bob } = await pair();
  const before = await seal(bob, { kind: "contact", user: alice.id });
  await bob.device.call("logOut", { everywhere: true });
  const again = { device: await startAnew(server, bob) };
  open.push(again.device);
  await until("changed", () => alice.device.room(bob).peer.identity === "changed");
  await assert.rejects(() => seal(alice, { kind: "contact", user: bob.id }), {
    code: "identity_changed",
  });
  assert.equal((await openAs(alice, before)).verdict, "intact");
  await until("contacts", () => again.device.slices.people?.people.length > 0);
  const forged = await seal(again, { kind: "contact", user: alice.id });
  assert.deepEqual(await openAs(alice, forged), { verdict: "wrong-sender", name: "Bob" });
  await alice.device.call("acceptIdentity", { user: bob.id });
  assert.equal((await openAs(alice, forged)).verdict, "intact");
  assert.deepEqual(await openAs(alice, before), { verdict: "wrong-sender", name: "Bob" });
});
