import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import fc from "fast-check";

import {
  HEADER_BYTES,
  MAX_SKIP,
  MAX_STORED_SKIPPED,
  SKIPPED_TTL_MS,
} from "../../../frontend/js/crypto/constants.js";
import { generateAgreementKeyPair } from "../../../frontend/js/crypto/curve.js";
import { lengthPrefixedAll, parseLengthPrefixed } from "../../../frontend/js/crypto/encoding.js";
import { dumpHeader, parseHeader } from "../../../frontend/js/crypto/ratchet-header.js";
import { dumpRatchet, parseRatchet } from "../../../frontend/js/crypto/ratchet-store.js";
import { ratchetDecrypt, ratchetEncrypt } from "../../../frontend/js/crypto/ratchet.js";
import { concat, equal, fromHex, fromUtf8, toHex, utf8 } from "../../../frontend/js/lib/bytes.js";
import { flip, makeRatchets, NOW_MS, refusalOf } from "./fixtures.js";

/** One side of a conversation that commits what its ratchet returns. */
class Side {
  constructor(state) {
    this.state = state;
  }

  async send(text) {
    const { state, ...message } = await ratchetEncrypt(this.state, utf8(text));
    this.state = state;
    return message;
  }

  async sendMany(count) {
    const messages = [];
    for (let i = 0; i < count; i += 1) messages.push(await this.send(`message ${i}`));
    return messages;
  }

  async open({ header, ciphertext }, nowMs = NOW_MS) {
    const { state, plaintext } = await ratchetDecrypt(this.state, header, ciphertext, nowMs);
    this.state = state;
    return fromUtf8(plaintext);
  }
}

async function makeSides() {
  const { initiator, responder } = await makeRatchets();
  return { alice: new Side(initiator), bob: new Side(responder) };
}

/** Everything a state holds, for comparing. */
function snapshot({ state }) {
  return toHex(dumpRatchet(state).blob);
}

/** Assert that a message is refused for a reason, and that the state is what it was. */
async function assertRefused(side, message, reason) {
  const before = snapshot(side);
  assert.equal(await refusalOf(() => side.open(message)), reason);
  assert.equal(snapshot(side), before);
}

function withHeader({ header, ciphertext }, change) {
  return { header: dumpHeader({ ...parseHeader(header), ...change }), ciphertext };
}

test("the first message opens at the responder, and both can answer", async () => {
  const { alice, bob } = await makeSides();
  assert.equal(await bob.open(await alice.send("hello")), "hello");
  assert.equal(await alice.open(await bob.send("good day")), "good day");
  assert.equal(await bob.open(await alice.send("how are you")), "how are you");
});

test("a responder cannot send before it has opened a message", async () => {
  const { bob } = await makeSides();
  assert.equal(await refusalOf(() => bob.send("too early")), "no_sending_chain");
});

test("sending turns the ratchet once for each change of direction, not for each message", async () => {
  const { alice, bob } = await makeSides();
  const keys = new Set();
  for (let round = 0; round < 5; round += 1) {
    for (const message of await alice.sendMany(3)) {
      keys.add(toHex(parseHeader(message.header).ratchetKey));
      await bob.open(message);
    }
    await alice.open(await bob.send("answer"));
  }
  assert.equal(keys.size, 5);
  assert.equal(alice.state.ratchetStep, 6);
});

test("a state is never changed in place", async () => {
  const { alice, bob } = await makeSides();
  const before = [snapshot(alice), snapshot(bob)];
  const sent = await ratchetEncrypt(alice.state, utf8("x"));
  await ratchetDecrypt(bob.state, sent.header, sent.ciphertext, NOW_MS);
  assert.deepEqual([snapshot(alice), snapshot(bob)], before);
  assert.ok(Object.isFrozen(sent.state));
});

test("ratchet private keys cannot be exported, before or after a step", async () => {
  const { alice, bob } = await makeSides();
  await bob.open(await alice.send("x"));
  for (const { state } of [alice, bob]) {
    assert.equal(state.ownRatchet.privateKey.extractable, false);
    await assert.rejects(crypto.subtle.exportKey("pkcs8", state.ownRatchet.privateKey));
  }
});

test("any permutation, duplication and loss of 1,000 messages opens each exactly once", async () => {
  const { alice, bob } = await makeSides();
  const messages = await alice.sendMany(1_000);
  const start = bob.state;
  const arrivals = fc
    .shuffledSubarray([...messages.keys()], { minLength: 1 })
    .chain((order) => fc.tuple(fc.constant(order), fc.shuffledSubarray(order)));
  await fc.assert(
    fc.asyncProperty(arrivals, async ([order, repeated]) => {
      bob.state = start;
      const again = new Set(repeated);
      const opened = [];
      for (const i of order) {
        opened.push(await bob.open(messages[i]));
        if (again.has(i)) await assertRefused(bob, messages[i], "duplicate");
      }
      assert.deepEqual(
        opened,
        order.map((i) => `message ${i}`),
      );
    }),
    { numRuns: 4 },
  );
});

test("a conversation over a bad line opens each message exactly once", async () => {
  const step = fc.record({
    direction: fc.boolean(),
    action: fc.constantFrom("send", "send", "deliver", "deliver", "lose", "repeat"),
    place: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const { alice, bob } = await makeSides();
      await bob.open(await alice.send("hello"));
      const lines = [
        { from: alice, to: bob, way: [], done: [] },
        { from: bob, to: alice, way: [], done: [] },
      ];
      let sent = 0;
      for (const { direction, action, place } of steps) {
        const { from, to, way, done } = lines[Number(direction)];
        if (action === "send") {
          const text = `text ${(sent += 1)}`;
          way.push({ text, message: await from.send(text) });
        } else if (action === "repeat" && done.length > 0) {
          const { message } = done[place % done.length];
          assert.notEqual(await refusalOf(() => to.open(message)), "accepted");
        } else if (action !== "repeat" && way.length > 0) {
          const [taken] = way.splice(place % way.length, 1);
          if (action === "lose") continue;
          assert.equal(await to.open(taken.message), taken.text);
          done.push(taken);
        }
      }
      for (const { to, way } of lines) {
        for (const { text, message } of way) assert.equal(await to.open(message), text);
      }
    }),
    { numRuns: 25 },
  );
});

test("a message that was opened is a duplicate, in its chain and out of the skipped keys", async () => {
  const { alice, bob } = await makeSides();
  const messages = await alice.sendMany(3);
  await bob.open(messages[2]);
  await bob.open(messages[0]);
  await assertRefused(bob, messages[2], "duplicate");
  await assertRefused(bob, messages[0], "duplicate");
  assert.equal(await bob.open(messages[1]), "message 1");
});

test("messages of a finished chain open after the ratchet has turned", async () => {
  const { alice, bob } = await makeSides();
  const late = await alice.sendMany(3);
  await bob.open(late[1]);
  await alice.open(await bob.send("answer"));
  await bob.open(await alice.send("next chain"));
  assert.equal(await bob.open(late[2]), "message 2");
  assert.equal(await bob.open(late[0]), "message 0");
});

test("a gap of exactly 1,000 is skipped, one more is too far", async () => {
  const { alice, bob } = await makeSides();
  const messages = await alice.sendMany(MAX_SKIP + 2);
  await assertRefused(bob, messages[MAX_SKIP + 1], "too-far");
  assert.equal(await bob.open(messages[MAX_SKIP]), `message ${MAX_SKIP}`);
  assert.equal(await bob.open(messages[MAX_SKIP + 1]), `message ${MAX_SKIP + 1}`);
  assert.equal(bob.state.skipped.length, MAX_SKIP);
});

test("a gap in the old chain beyond 1,000 loses that chain and not the new message", async () => {
  const { alice, bob } = await makeSides();
  await bob.open(await alice.send("first"));
  const answer = await bob.send("answer");
  const lost = await alice.sendMany(MAX_SKIP + 1);
  await alice.open(answer);
  assert.equal(await bob.open(await alice.send("new chain")), "new chain");
  assert.equal(bob.state.skipped.length, 0);
  assert.notEqual(await refusalOf(() => bob.open(lost[0])), "accepted");
});

test("at most 2,000 skipped keys are kept, the oldest go first", async () => {
  const { alice, bob } = await makeSides();
  const chains = [];
  for (let chain = 0; chain < 3; chain += 1) {
    const messages = await alice.sendMany(MAX_SKIP);
    await bob.open(messages.at(-1));
    await alice.open(await bob.send("turn"));
    chains.push(messages);
  }
  assert.equal(bob.state.skipped.length, MAX_STORED_SKIPPED);
  assert.equal(await bob.open(chains[2][0]), "message 0");
  assert.equal(await bob.open(chains[0][MAX_SKIP - 2]), `message ${MAX_SKIP - 2}`);
  assert.notEqual(await refusalOf(() => bob.open(chains[0][0])), "accepted");
});

test("a skipped key opens its message for eight days and not longer", async () => {
  const { alice, bob } = await makeSides();
  const messages = await alice.sendMany(4);
  await bob.open(messages[3], NOW_MS);
  const end = NOW_MS + SKIPPED_TTL_MS;
  assert.equal(await bob.open(messages[0], end - 1), "message 0");
  assert.equal(await refusalOf(() => bob.open(messages[1], end)), "duplicate");
  await bob.open(await alice.send("later"), end);
  assert.equal(bob.state.skipped.length, 0);
});

test("row 16: a header with N or PN of 2^31 is refused within 50 ms, state unchanged", async () => {
  const { alice, bob } = await makeSides();
  const message = await alice.send("x");
  const { publicKey } = await generateAgreementKeyPair();
  const forged = [
    withHeader(message, { number: 2 ** 31 }),
    withHeader(message, { number: 2 ** 31 - 1 }),
    withHeader(message, { previousCount: 2 ** 31 }),
    withHeader(message, { number: 2 ** 32 - 1, ratchetKey: publicKey }),
  ];
  for (const each of forged) {
    const startMs = performance.now();
    await assertRefused(bob, each, "too-far");
    assert.ok(performance.now() - startMs < 50);
  }
  await bob.open(message);
  await assertRefused(bob, withHeader(message, { number: 2 ** 31 - 1 }), "too-far");
});

test("row 16: a failed attempt says how many derivations it cost", async () => {
  const { alice, bob } = await makeSides();
  await bob.open(await alice.send("x"));
  const messages = await alice.sendMany(301);
  const { header, ciphertext } = messages[300];
  const damaged = flip(ciphertext, 20);
  await assert.rejects(ratchetDecrypt(bob.state, header, damaged, NOW_MS), {
    reason: "auth-failed",
    derivations: 301,
  });
  assert.equal(await bob.open(messages[300]), "message 300");
  await assert.rejects(ratchetDecrypt(bob.state, messages[5].header, damaged, NOW_MS), {
    derivations: 0,
  });
});

test("row 19: every single byte of header and ciphertext matters, state unchanged", async () => {
  const { alice, bob } = await makeSides();
  await bob.open(await alice.send("x"));
  const message = await alice.send("y".repeat(96));
  const whole = concat(message.header, message.ciphertext);
  for (let i = 0; i < whole.length; i += 1) {
    const damaged = flip(whole, i, i % 8);
    const header = damaged.slice(0, HEADER_BYTES);
    const ciphertext = damaged.slice(HEADER_BYTES);
    const before = snapshot(bob);
    assert.notEqual(
      await refusalOf(() => bob.open({ header, ciphertext })),
      "accepted",
      `byte ${i}`,
    );
    assert.equal(snapshot(bob), before);
  }
  assert.equal(await bob.open(message), "y".repeat(96));
});

test("a message cut short or made longer anywhere is refused", async () => {
  const { alice, bob } = await makeSides();
  const { header, ciphertext } = await alice.send("abc");
  for (let length = 0; length < ciphertext.length; length += 1) {
    await assertRefused(bob, { header, ciphertext: ciphertext.slice(0, length) }, "auth-failed");
  }
  await assertRefused(
    bob,
    { header, ciphertext: concat(ciphertext, Uint8Array.of(0)) },
    "auth-failed",
  );
  for (const length of [0, 1, 74, 76]) {
    const wrong = concat(header, Uint8Array.of(0)).slice(0, length);
    await assertRefused(bob, { header: wrong, ciphertext }, "unsupported");
  }
});

test("an unknown header version or type is unsupported, never tried", async () => {
  const { alice, bob } = await makeSides();
  const { header, ciphertext } = await alice.send("abc");
  for (const at of [0, 1]) {
    for (const value of [0, 2, 255]) {
      const other = concat(header);
      other[at] = value;
      await assertRefused(bob, { header: other, ciphertext }, "unsupported");
    }
  }
});

test("a ratchet key that is no point is refused before any key is derived", async () => {
  const { alice, bob } = await makeSides();
  await bob.open(await alice.send("x"));
  const message = await alice.send("y");
  const { ratchetKey } = parseHeader(message.header);
  for (const bad of [flip(ratchetKey, 64), flip(ratchetKey, 0), new Uint8Array(65)]) {
    const forged = withHeader(message, { ratchetKey: bad, previousCount: 900 });
    const before = snapshot(bob);
    await assert.rejects(ratchetDecrypt(bob.state, forged.header, forged.ciphertext, NOW_MS), {
      reason: "auth-failed",
      derivations: 0,
    });
    assert.equal(snapshot(bob), before);
  }
});

test("a mistake of the program is not taken for a bad message", async () => {
  const { alice, bob } = await makeSides();
  const { header } = await alice.send("x");
  await assert.rejects(ratchetDecrypt(bob.state, header, undefined, NOW_MS), TypeError);
});

test("row 9: a message does not open in another session, nor reflected to its sender", async () => {
  const { alice, bob } = await makeSides();
  const other = await makeSides();
  const message = await alice.send("x");
  await assertRefused(other.bob, message, "auth-failed");
  await bob.open(message);
  await assertRefused(alice, message, "auth-failed");
});

test("row 27: the IV is random, so a state that was rolled back never repeats one", async () => {
  const { alice } = await makeSides();
  const sealed = await Promise.all(
    Array.from({ length: 200 }, () => ratchetEncrypt(alice.state, utf8("the same"))),
  );
  const ivs = new Set(sealed.map(({ ciphertext }) => toHex(ciphertext.subarray(0, 12))));
  assert.equal(ivs.size, 200);
});

test("a chain of 2^31 messages is used up", async () => {
  const { alice } = await makeSides();
  const state = { ...alice.state, sendCount: 2 ** 31 };
  assert.equal(await refusalOf(() => ratchetEncrypt(state, utf8("x"))), "too_many");
});

test("a state survives being written out and read back at any point", async () => {
  const { alice, bob } = await makeSides();
  const reload = (side) => {
    side.state = parseRatchet(dumpRatchet(side.state));
  };
  reload(alice);
  reload(bob);
  const messages = await alice.sendMany(5);
  await bob.open(messages[4]);
  reload(bob);
  assert.equal(await bob.open(messages[1]), "message 1");
  await alice.open(await bob.send("answer"));
  reload(alice);
  reload(bob);
  assert.equal(await bob.open(await alice.send("on")), "on");
  assert.equal(await bob.open(messages[0]), "message 0");
  await assertRefused(bob, messages[0], "auth-failed");
});

test("a stored state that is cut off, longer or of another version is refused", async () => {
  const { alice, bob } = await makeSides();
  const messages = await alice.sendMany(3);
  await bob.open(messages[2]);
  const { keys, blob } = dumpRatchet(bob.state);
  for (let length = 0; length < blob.length; length += 1) {
    let parsed = null;
    try {
      parsed = parseRatchet({ keys, blob: blob.slice(0, length) });
    } catch (error) {
      assert.equal(error.code, "malformed");
    }
    // A cut exactly between two skipped keys leaves a shorter but whole state; the seal covers that.
    if (parsed !== null) assert.ok(parsed.skipped.length < bob.state.skipped.length);
  }
  for (const bad of [concat(blob, Uint8Array.of(1)), flip(blob, 4), concat(blob, blob)]) {
    assert.throws(() => parseRatchet({ keys, blob: bad }), { code: "malformed" });
  }
  assert.ok(equal(dumpRatchet(parseRatchet({ keys, blob })).blob, blob));
  const fields = parseLengthPrefixed(blob);
  for (let i = 0; i < fields.length; i += 1) {
    const longer = fields.map((field, j) => (i === j ? concat(field, Uint8Array.of(0)) : field));
    const bad = { keys, blob: lengthPrefixedAll(longer) };
    assert.throws(() => parseRatchet(bad), { code: "malformed" }, `field ${i}`);
  }
});

test("a state stored by version 1 is read for ever", async () => {
  const file = new URL("../../vectors/ratchet_state_v1.json", import.meta.url);
  const { input, output } = JSON.parse(await readFile(file, "utf8"));
  const algorithm = { name: "ECDH", namedCurve: "P-256" };
  const usages = ["deriveBits"];
  const ownRatchet = await crypto.subtle.importKey(
    "jwk",
    input.ownRatchet,
    algorithm,
    false,
    usages,
  );
  const blob = fromHex(input.blob);
  const bob = new Side(parseRatchet({ keys: { ownRatchet }, blob }));
  const { sendCount, receiveCount, previousSendCount, ratchetStep, skipped } = bob.state;
  assert.deepEqual(
    { sendCount, receiveCount, previousSendCount, ratchetStep, skipped: skipped.length },
    Object.fromEntries(Object.entries(output).slice(0, 5)),
  );
  const read = ({ header, ciphertext }) => ({
    header: fromHex(header),
    ciphertext: fromHex(ciphertext),
  });
  for (const message of output.refuses) {
    assert.notEqual(await refusalOf(() => bob.open(read(message), input.nowMs)), "accepted");
  }
  for (const message of output.opens) {
    assert.equal(await bob.open(read(message), input.nowMs), message.plaintext);
  }
});
