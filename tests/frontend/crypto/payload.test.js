import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { dumpCapsule, emptyCapsule, parseCapsule } from "../../../frontend/js/crypto/capsule.js";
import { LABEL, MAX_PAYLOAD_BYTES } from "../../../frontend/js/crypto/constants.js";
import { checkContent, digestDeviceLists } from "../../../frontend/js/crypto/content.js";
import { lengthPrefixed, lengthPrefixedAll, tuple } from "../../../frontend/js/crypto/encoding.js";
import { pad, paddedLength, unpad } from "../../../frontend/js/crypto/padding.js";
import { commitTo, openPayload, sealPayload } from "../../../frontend/js/crypto/payload.js";
import {
  aeadOpen,
  aeadSeal,
  hkdf,
  randomBytes,
  sha256,
  ZERO_SALT,
} from "../../../frontend/js/crypto/primitives.js";
import { concat, equal, toBase64url, toHex, u64, utf8 } from "../../../frontend/js/lib/bytes.js";
import { flip, NOW_MS, refusalOf } from "./fixtures.js";
import { openUnderTwoKeys, sameTag } from "./gcm-forgery.js";

function makeContext() {
  return {
    roomId: randomBytes(32),
    epoch: 3,
    rosterHash: randomBytes(32),
    msgId: randomBytes(16),
    senderUser: randomBytes(16),
    senderDevice: randomBytes(16),
  };
}

function capsuleOf(context, { contentKey, payloadHash }, kind = "message") {
  return { kind, contentKey, payloadHash, msgId: context.msgId, sentAtMs: NOW_MS };
}

async function sealed(content = { t: "text", body: "hello" }) {
  const context = makeContext();
  const { payload, commitment, ...secrets } = await sealPayload(context, content);
  return { context, payload, commitment, capsule: capsuleOf(context, secrets) };
}

/** What a sender makes who does not keep to the rules but owns the keys. */
async function sealRaw(context, commitment, padded, contentKey = randomBytes(32)) {
  const header = headerOf(context, commitment);
  const key = await hkdf(ZERO_SALT, contentKey, utf8(LABEL.payload), 32);
  const payload = await aeadSeal(key, padded, header);
  const payloadHash = await sha256(concat(lengthPrefixed(header), payload));
  return { payload, capsule: capsuleOf(context, { contentKey, payloadHash }), key, header };
}

function headerOf({ roomId, epoch, rosterHash, msgId, senderUser, senderDevice }, commitment) {
  const place = [roomId, u64(epoch), rosterHash, msgId, senderUser, senderDevice];
  return tuple(LABEL.payloadContext, ...place, commitment);
}

test("a payload opens to the very content and bytes that were sealed", async () => {
  const content = { t: "text", body: "Chào bạn 👋", sseq: 7, exp: NOW_MS };
  const { context, capsule, payload, commitment } = await sealed(content);
  const opened = await openPayload(context, capsule, payload, commitment);
  assert.deepEqual(opened.content, content);
  assert.equal(new TextDecoder().decode(opened.json), JSON.stringify(content));
});

test("an opened message can be reported: its franking key proves its bytes", async () => {
  const { context, capsule, payload, commitment } = await sealed();
  const { json, frankingKey } = await openPayload(context, capsule, payload, commitment);
  assert.ok(equal(await commitTo(context, frankingKey, json), commitment));
});

test("row 9: a payload opens nowhere but in its room, epoch, roster, message and sender", async () => {
  const { context, capsule, payload, commitment } = await sealed();
  for (const field of Object.keys(context)) {
    const other = { ...context, [field]: field === "epoch" ? 4 : flip(context[field], 0) };
    const reason = await refusalOf(() => openPayload(other, capsule, payload, commitment));
    assert.equal(reason, "auth-failed", field);
  }
});

test("row 3: a payload passed on by someone else does not open as the first sender's", async () => {
  const { context, capsule, payload, commitment } = await sealed();
  const forwarded = { ...context, senderUser: randomBytes(16), senderDevice: randomBytes(16) };
  const reason = await refusalOf(() => openPayload(forwarded, capsule, payload, commitment));
  assert.equal(reason, "auth-failed");
});

test("row 4: a capsule without keys opens no payload", async () => {
  const { context, payload, commitment } = await sealed();
  for (const kind of ["reset", "retry", "heartbeat"]) {
    const empty = emptyCapsule(kind, context.msgId, NOW_MS);
    const reason = await refusalOf(() => openPayload(context, empty, payload, commitment));
    assert.equal(reason, "auth-failed");
  }
});

test("row 4: an unknown kind, version, length or filling of a capsule is unsupported", () => {
  const capsule = dumpCapsule(emptyCapsule("heartbeat", randomBytes(16), NOW_MS));
  const wrong = (at, value) => {
    const changed = concat(capsule);
    changed[at] = value;
    return changed;
  };
  const bad = [
    ...[0, 6, 7, 255].map((kind) => wrong(1, kind)),
    ...[0, 2, 255].map((version) => wrong(0, version)),
    ...[90, 91, 92, 93, 94, 95].map((at) => wrong(at, 1)),
    wrong(82, 0xff), // a time beyond what a number can hold
    capsule.slice(0, 95),
    concat(capsule, Uint8Array.of(0)),
    new Uint8Array(0),
  ];
  for (const bytes of bad) assert.throws(() => parseCapsule(bytes), { reason: "unsupported" });
});

test("every capsule is 96 bytes and reads back as it was written", () => {
  const kinds = ["message", "reset", "retry", "heartbeat", "key-share"];
  const bytes = (length) => fc.uint8Array({ minLength: length, maxLength: length });
  const capsules = fc.record({
    kind: fc.constantFrom(...kinds),
    contentKey: bytes(32),
    payloadHash: bytes(32),
    msgId: bytes(16),
    sentAtMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(capsules, (capsule) => {
      const dumped = dumpCapsule(capsule);
      assert.equal(dumped.length, 96);
      assert.deepEqual(parseCapsule(dumped), { ...capsule });
    }),
  );
  const short = { ...emptyCapsule("reset", randomBytes(15), 0) };
  assert.throws(() => dumpCapsule(short), { code: "malformed" });
});

test("row 19: every byte of payload, commitment and capsule matters", async () => {
  const { context, capsule, payload, commitment } = await sealed();
  const open = (changedPayload, changedCommitment, changedCapsule) => () =>
    openPayload(context, changedCapsule, changedPayload, changedCommitment);
  for (let i = 0; i < payload.length; i += 1) {
    const reason = await refusalOf(open(flip(payload, i, i % 8), commitment, capsule));
    assert.equal(reason, "auth-failed", `payload ${i}`);
  }
  for (let i = 0; i < commitment.length; i += 1) {
    const reason = await refusalOf(open(payload, flip(commitment, i, i % 8), capsule));
    assert.equal(reason, "auth-failed", `commitment ${i}`);
  }
  for (const field of ["contentKey", "payloadHash"]) {
    for (let i = 0; i < capsule[field].length; i += 1) {
      const changed = { ...capsule, [field]: flip(capsule[field], i, i % 8) };
      const reason = await refusalOf(open(payload, commitment, changed));
      assert.equal(reason, "auth-failed", `${field} ${i}`);
    }
  }
});

test("row 17: another payload with the very same GCM tag and key is refused", async () => {
  const { context, capsule, payload, commitment } = await sealed();
  const key = await hkdf(ZERO_SALT, capsule.contentKey, utf8(LABEL.payload), 32);
  const iv = payload.slice(0, 12);
  const forged = await sameTag(key, iv, payload.slice(12, -16));
  const swapped = concat(iv, forged, payload.slice(-16));
  assert.ok(!equal(swapped, payload));
  await aeadOpen(key, swapped, headerOf(context, commitment)); // GCM itself is content
  const reason = await refusalOf(() => openPayload(context, capsule, swapped, commitment));
  assert.equal(reason, "auth-failed");
});

test("row 17: a whole new message under the content key of another is refused", async () => {
  const { context, capsule } = await sealed({ t: "text", body: "I owe you 10" });
  const json = utf8('{"t":"text","body":"I owe you 10000"}');
  const frankingKey = randomBytes(32);
  const commitment = await commitTo(context, frankingKey, json);
  const padded = pad(lengthPrefixedAll([frankingKey, json]));
  const forged = await sealRaw(context, commitment, padded, capsule.contentKey);
  await openPayload(context, forged.capsule, forged.payload, commitment); // all is right but the sender
  const open = () => openPayload(context, capsule, forged.payload, commitment);
  assert.equal(await refusalOf(open), "auth-failed");
});

test("row 18: a ciphertext that opens under two keys is refused under both", async () => {
  const context = makeContext();
  const json = utf8('{"t":"text","body":"for the one"}');
  const frankingKey = randomBytes(32);
  const commitment = await commitTo(context, frankingKey, json);
  const raw = await sealRaw(context, commitment, pad(lengthPrefixedAll([frankingKey, json])));
  const otherContentKey = randomBytes(32);
  const otherKey = await hkdf(ZERO_SALT, otherContentKey, utf8(LABEL.payload), 32);
  const iv = raw.payload.slice(0, 12);
  const body = raw.payload.slice(12, -16);
  const keys = [raw.key, otherKey];
  const { ciphertext, tag } = await openUnderTwoKeys(keys, iv, raw.header, body, 1);
  const payload = concat(iv, ciphertext, tag);
  for (const key of keys) await aeadOpen(key, payload, raw.header); // GCM itself is content
  const payloadHash = await sha256(concat(lengthPrefixed(raw.header), payload));
  for (const contentKey of [raw.capsule.contentKey, otherContentKey]) {
    const capsule = capsuleOf(context, { contentKey, payloadHash });
    const reason = await refusalOf(() => openPayload(context, capsule, payload, commitment));
    assert.equal(reason, "auth-failed");
  }
});

test("a message that could not be reported is not shown", async () => {
  const context = makeContext();
  const fields = lengthPrefixedAll([randomBytes(32), utf8('{"t":"text"}')]);
  const { payload, capsule } = await sealRaw(context, randomBytes(32), pad(fields));
  const reason = await refusalOf(() => openPayload(context, capsule, payload, randomBytes(32)));
  assert.equal(reason, "auth-failed");
  const commitment = randomBytes(32);
  const honest = await sealRaw(context, commitment, pad(fields));
  assert.equal(
    await refusalOf(() => openPayload(context, honest.capsule, honest.payload, commitment)),
    "auth-failed",
  );
});

test("authentic bytes that are no content of this version are unsupported", async () => {
  const open = async (json) => {
    const context = makeContext();
    const frankingKey = randomBytes(32);
    const commitment = await commitTo(context, frankingKey, json);
    const padded = pad(lengthPrefixedAll([frankingKey, json]));
    const { payload, capsule } = await sealRaw(context, commitment, padded);
    return openPayload(context, capsule, payload, commitment);
  };
  const bad = ["", "{", "null", "[]", '"t"', "{}", '{"t":1}', '{"t":""}', '{"t":"x","sseq":-1}'];
  for (const text of bad)
    assert.equal(await refusalOf(() => open(utf8(text))), "unsupported", text);
  assert.equal(await refusalOf(() => open(Uint8Array.of(0xff, 0xfe))), "unsupported");
  await open(utf8('{"t":"a type of tomorrow","extra":[1]}'));
});

test("a payload whose inner fields are not two is refused", async () => {
  const context = makeContext();
  const commitment = randomBytes(32);
  const json = utf8('{"t":"x"}');
  const bad = [
    new Uint8Array(256),
    pad(lengthPrefixedAll([randomBytes(31), json])),
    pad(lengthPrefixedAll([randomBytes(32)])),
    pad(lengthPrefixedAll([randomBytes(32), json, json])),
    pad(concat(lengthPrefixedAll([randomBytes(32), json]), Uint8Array.of(0))),
    lengthPrefixedAll([randomBytes(32), json]),
    new Uint8Array(3),
  ];
  for (const padded of bad) {
    const { payload, capsule } = await sealRaw(context, commitment, padded);
    const reason = await refusalOf(() => openPayload(context, capsule, payload, commitment));
    assert.equal(reason, "auth-failed");
  }
});

test("ids of a wrong length are refused when sealing and when opening", async () => {
  const { context, capsule, payload, commitment } = await sealed();
  for (const field of ["roomId", "rosterHash", "msgId", "senderUser", "senderDevice"]) {
    const wrong = { ...context, [field]: context[field].slice(1) };
    assert.equal(await refusalOf(() => sealPayload(wrong, { t: "x" })), "malformed", field);
    const opening = () => openPayload(wrong, capsule, payload, commitment);
    assert.equal(await refusalOf(opening), "auth-failed", field);
  }
  const short = commitment.slice(1);
  assert.equal(await refusalOf(() => openPayload(context, capsule, payload, short)), "auth-failed");
});

test("a mistake of the program is not taken for a bad message", async () => {
  const { capsule, payload, commitment } = await sealed();
  await assert.rejects(openPayload({}, capsule, payload, commitment), TypeError);
});

test("more than 256 KiB is too large, just below it is sent", async () => {
  const body = (length) => ({ t: "text", body: "x".repeat(length) });
  assert.equal(
    await refusalOf(() => sealPayload(makeContext(), body(MAX_PAYLOAD_BYTES))),
    "too_large",
  );
  const { payload } = await sealPayload(makeContext(), body(240_000));
  assert.ok(payload.length <= MAX_PAYLOAD_BYTES);
});

test("row 10: sizes say nothing about contents, and little about lengths", async () => {
  const size = async (body) =>
    (await sealPayload(makeContext(), { t: "text", body })).payload.length;
  const short = new Set(await Promise.all(["", "yes", "no", "x".repeat(150)].map(size)));
  assert.equal(short.size, 1);
  // A compressing channel would send these two in very different sizes.
  const random = toBase64url(randomBytes(2_250));
  assert.equal(await size("a".repeat(3_000)), await size(random));
});

test("padding grows by at most 12 % and gives few sizes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 4_097, max: 2_000_000 }), (length) => {
      const padded = paddedLength(length);
      assert.ok(padded >= length && padded <= length * 1.12);
      assert.equal(paddedLength(padded), padded);
    }),
  );
  const sizes = new Set(Array.from({ length: 262_144 }, (_, i) => paddedLength(i)));
  assert.ok(sizes.size < 150);
  assert.deepEqual([0, 256, 257, 4_096].map(paddedLength), [256, 256, 512, 4_096]);
  assert.deepEqual(
    [4_097, 5_000, 65_537, 100_000].map(paddedLength),
    [4_352, 5_120, 67_584, 100_352],
  );
});

test("unpadding takes back exactly what padding made", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6_000 }), (bytes) => {
      assert.deepEqual(unpad(pad(bytes)), bytes);
    }),
  );
  const padded = pad(utf8("abc"));
  const bad = [
    flip(padded, 255),
    flip(padded, 7),
    flip(padded, 0),
    padded.slice(0, 255),
    padded.slice(0, 3),
  ];
  for (const bytes of bad) assert.throws(() => unpad(bytes), { code: "malformed" });
});

test("shared fields of a content must have their documented form", () => {
  const hash = toBase64url(randomBytes(32));
  const good = {
    t: "x",
    sseq: 0,
    exp: 1,
    prev: hash,
    dl: { own: [1, hash], peers: hash },
    more: true,
  };
  assert.equal(checkContent(good), good);
  const bad = [
    { prev: "short" },
    { prev: 1 },
    { sseq: "1" },
    { sseq: 1.5 },
    { exp: 2 ** 53 },
    { dl: null },
    { dl: { own: [1], peers: hash } },
    { dl: { own: [1, hash] } },
    { dl: { own: ["1", hash], peers: hash } },
    { dl: { own: [1, hash], peers: `${hash}A` } },
  ];
  for (const change of bad) {
    assert.throws(() => checkContent({ t: "x", ...change }), { code: "malformed" });
  }
});

test("the digest of device lists does not depend on their order, but on all they say", async () => {
  const list = () => ({ userId: randomBytes(16), version: 1, hash: randomBytes(32) });
  const lists = [list(), list(), list()];
  const digest = toHex(await digestDeviceLists(lists));
  assert.equal(toHex(await digestDeviceLists([...lists].reverse())), digest);
  for (const change of [{ version: 2 }, { hash: randomBytes(32) }, { userId: randomBytes(16) }]) {
    const changed = [{ ...lists[0], ...change }, lists[1], lists[2]];
    assert.notEqual(toHex(await digestDeviceLists(changed)), digest);
  }
});
