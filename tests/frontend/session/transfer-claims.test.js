/** What a server says of people around transfers, and how far the engine believes it. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { signUp, until } from "./people.js";
import {
  arrives,
  becomes,
  closeAll,
  closing,
  fetchFile,
  fileOf,
  pair,
  receivedOf,
  send,
  sent,
  sentOf,
  SMALL,
} from "./transfer-fixtures.js";

afterEach(closeAll);

async function joined(server, name) {
  const person = await signUp(server, name);
  closing(person.device);
  return person;
}
const toAddress = ({ email }) => ({ kind: "address", email });
const changed = (server, { id: user }, id) =>
  server.tell([user], { type: "transfer.changed", transfer: id });
const isUnserved = ({ event }) => event === "transfer.unserved";

test("S3-15: nothing is sealed for whom the server names, who never became a contact", async () => {
  const { server, alice } = await pair();
  const [dan, mallory] = [await joined(server, "Dan"), await joined(server, "Mallory")];
  const id = await send(alice, toAddress(dan), [fileOf(SMALL)]);
  await becomes(alice, id, "open");
  server.transfers.get(id).user = mallory.id;
  changed(server, alice, id);
  await until("refused", () => alice.device.errors.some(isUnserved));
  assert.equal(server.transfers.get(id).heads, null);
  server.transfers.get(id).user = null;
  await dan.device.call("acceptTransfer", { id });
  await arrives(dan, id);
  await until("sealed", () => sentOf(alice, id).sealed);
});

test("whom this device has sealed for is shown, whomever the server names afterwards", async () => {
  const { server, alice, bob } = await pair();
  const dan = await joined(server, "Dan");
  const id = await send(alice, toAddress(dan), [fileOf(SMALL)]);
  await becomes(alice, id, "open");
  await until("offered", () => receivedOf(dan, id) !== undefined);
  await dan.device.call("acceptTransfer", { id });
  await until("sealed", () => sentOf(alice, id).sealed);
  const transfer = server.transfers.get(id);
  Object.assign(transfer, { user: bob.id, downloadedMs: 1 });
  changed(server, alice, id);
  await until("seen", () => sentOf(alice, id).downloadedMs === 1);
  assert.equal(sentOf(alice, id).name, "Dan");
  await alice.device.reload();
  assert.equal((await becomes(alice, id, "open")).name, "Dan");
});

test("another sender beside heads that were opened before is not believed", async () => {
  const { server, alice, bob } = await pair();
  const mallory = await joined(server, "Mallory");
  const id = await sent(alice, bob, [fileOf(SMALL)]);
  assert.equal(receivedOf(bob, id).origin.name, "Alice");
  server.lie.received = (shown) => ({ ...shown, sender: server.person(mallory.id) });
  changed(server, bob, id);
  await until("seen", () => receivedOf(bob, id).sender.displayName === "Mallory");
  assert.deepEqual(
    [receivedOf(bob, id).origin, receivedOf(bob, id).refusal],
    [null, "wrong-sender"],
  );
  await assert.rejects(fetchFile(bob, id), { code: "wrong_sender" });
});
