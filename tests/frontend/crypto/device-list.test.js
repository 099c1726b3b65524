import assert from "node:assert/strict";
import { test } from "node:test";

import { LABEL } from "../../../frontend/js/crypto/constants.js";
import {
  findEntry,
  followDeviceLists,
  issueDeviceList,
  NO_LIST_HASH,
  parseDeviceList,
  verifyDeviceList,
} from "../../../frontend/js/crypto/device-list.js";
import { sign } from "../../../frontend/js/crypto/curve.js";
import { tuple } from "../../../frontend/js/crypto/encoding.js";
import { generateAccountKey } from "../../../frontend/js/crypto/identity.js";
import { randomBytes } from "../../../frontend/js/crypto/primitives.js";
import { concat, equal, u64, u8 } from "../../../frontend/js/lib/bytes.js";
import { flip, NOW_MS, refusalOf } from "./fixtures.js";

const entry = (status = "active") => ({
  deviceId: randomBytes(16),
  certHash: randomBytes(32),
  status,
  sinceMs: NOW_MS,
});

class Owner {
  static async create() {
    const owner = new Owner();
    owner.userId = randomBytes(16);
    owner.account = await generateAccountKey();
    return owner;
  }

  async issue(previous, entries) {
    const change = { userId: this.userId, previous, entries, issuedAtMs: NOW_MS };
    return issueDeviceList(change, this.account.privateKey);
  }

  /** Sign any body, as a dishonest owner could. */
  async signList(version, prevHash, entries) {
    const dumped = entries.map(({ deviceId, certHash, status, sinceMs }) =>
      concat(deviceId, certHash, u8(status === "active" ? 1 : 2), u64(sinceMs)),
    );
    const head = [this.userId, u64(version), prevHash, u64(NOW_MS)];
    const body = tuple(LABEL.deviceList, ...head, ...dumped);
    return this.verify({ body, signature: await sign(this.account.privateKey, "devlist", body) });
  }

  verify(signed) {
    return verifyDeviceList(signed, this.userId, this.account.publicKey);
  }
}

async function makeChain(length) {
  const owner = await Owner.create();
  const lists = [];
  let entries = [];
  for (let i = 0; i < length; i += 1) {
    entries = [...entries, entry()];
    lists.push((await owner.issue(lists.at(-1) ?? null, entries)).list);
  }
  return { owner, lists };
}

test("a list verifies to what was issued", async () => {
  const owner = await Owner.create();
  const entries = [entry(), entry("revoked")];
  const { body, signature, list } = await owner.issue(null, entries);
  const verified = await owner.verify({ body, signature });
  assert.deepEqual(verified, list);
  assert.deepEqual(verified.entries, entries);
  assert.equal(verified.version, 1);
  assert.ok(equal(verified.prevHash, NO_LIST_HASH));
  assert.deepEqual(findEntry(verified, entries[1].deviceId), entries[1]);
  assert.equal(findEntry(verified, randomBytes(16)), undefined);
});

test("a list of another account or another user is refused", async () => {
  const [owner, other] = await Promise.all([Owner.create(), Owner.create()]);
  const signed = await owner.issue(null, [entry()]);
  const wrongKey = () => verifyDeviceList(signed, owner.userId, other.account.publicKey);
  assert.equal(await refusalOf(wrongKey), "bad_signature");
  const wrongUser = () => verifyDeviceList(signed, other.userId, owner.account.publicKey);
  assert.equal(await refusalOf(wrongUser), "bad_signature");
});

test("row 19: every byte of a list and of its signature matters", async () => {
  const owner = await Owner.create();
  const { body, signature } = await owner.issue(null, [entry(), entry()]);
  for (let i = 0; i < body.length; i += 1) {
    const changed = { body: flip(body, i, i % 8), signature };
    assert.notEqual(await refusalOf(() => owner.verify(changed)), "accepted", `body ${i}`);
  }
  for (let i = 0; i < signature.length; i += 1) {
    const changed = { body, signature: flip(signature, i, i % 8) };
    assert.equal(await refusalOf(() => owner.verify(changed)), "bad_signature", `signature ${i}`);
  }
});

test("the pin follows a chain to its end, from nothing and from any version", async () => {
  const { lists } = await makeChain(4);
  for (let from = 0; from <= 3; from += 1) {
    assert.equal(followDeviceLists(from === 0 ? null : lists[from - 1], lists), lists[3]);
    assert.equal(followDeviceLists(lists[from], lists.slice(from)), lists[3]);
  }
  assert.equal(followDeviceLists(lists[3], [lists[3]]), lists[3]);
});

test("row 1: a list older than the pinned one is a rollback", async () => {
  const { lists } = await makeChain(3);
  assert.throws(() => followDeviceLists(lists[2], [lists[1]]), { code: "list_rollback" });
  assert.throws(() => followDeviceLists(lists[2], [lists[0], lists[1]]), { code: "list_rollback" });
});

test("two lists of one version are a fork", async () => {
  const { owner, lists } = await makeChain(2);
  const { list: other } = await owner.issue(lists[0], [...lists[0].entries, entry()]);
  assert.throws(() => followDeviceLists(lists[1], [other]), { code: "list_fork" });
  assert.throws(() => followDeviceLists(lists[0], [lists[1], other]), { code: "list_fork" });
});

test("a successor that points at another predecessor is a fork", async () => {
  const { owner, lists } = await makeChain(2);
  const forged = await owner.signList(3, randomBytes(32), lists[1].entries);
  assert.throws(() => followDeviceLists(lists[1], [forged]), { code: "list_fork" });
  const first = await owner.signList(1, randomBytes(32), [entry()]);
  assert.throws(() => followDeviceLists(null, [first]), { code: "list_fork" });
});

test("versions left out are a gap, until they are fetched", async () => {
  const { lists } = await makeChain(4);
  assert.throws(() => followDeviceLists(lists[0], [lists[3]]), { code: "list_gap" });
  assert.throws(() => followDeviceLists(lists[0], [lists[1], lists[3]]), { code: "list_gap" });
  assert.equal(followDeviceLists(lists[0], lists.slice(1)), lists[3]);
});

test("a revoked device stays revoked, stays listed and keeps its certificate", async () => {
  const owner = await Owner.create();
  const gone = entry("revoked");
  const { list } = await owner.issue(null, [entry(), gone]);
  const changes = [
    [list.entries[0], { ...gone, status: "active" }],
    [list.entries[0]],
    [list.entries[0], { ...gone, certHash: randomBytes(32) }],
    [gone],
  ];
  for (const entries of changes) {
    assert.equal(await refusalOf(() => owner.issue(list, entries)), "list_revival");
    const signed = await owner.signList(2, list.hash, entries);
    assert.throws(() => followDeviceLists(list, [signed]), { code: "list_revival" });
  }
  const { list: next } = await owner.issue(list, [{ ...list.entries[0], status: "revoked" }, gone]);
  assert.equal(followDeviceLists(list, [next]), next);
});

test("a version of 0, no list at all, or a device listed twice is malformed", async () => {
  const owner = await Owner.create();
  const twice = entry();
  assert.equal(await refusalOf(() => owner.issue(null, [twice, twice])), "malformed");
  const zero = await owner.signList(0, NO_LIST_HASH, []);
  assert.throws(() => followDeviceLists(null, [zero]), { code: "malformed" });
  assert.throws(() => followDeviceLists(null, []), { code: "malformed" });
});

test("an entry of another length or status is malformed", async () => {
  const head = [randomBytes(16), u64(1), NO_LIST_HASH, u64(NOW_MS)];
  const body = (...entries) => tuple(LABEL.deviceList, ...head, ...entries);
  await parseDeviceList(body(concat(randomBytes(48), u8(1), u64(1))));
  for (const bad of [
    body(concat(randomBytes(48), u8(0), u64(1))),
    body(concat(randomBytes(48), u8(3), u64(1))),
    body(randomBytes(56)),
    body(randomBytes(58)),
    body(new Uint8Array(0)),
    tuple(LABEL.deviceList, ...head.slice(0, 3)),
    tuple(LABEL.deviceCertificate, ...head),
  ]) {
    assert.equal(await refusalOf(() => parseDeviceList(bad)), "malformed");
  }
});
