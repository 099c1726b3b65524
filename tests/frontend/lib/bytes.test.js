import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  compare,
  concat,
  equal,
  fromBase64url,
  fromHex,
  fromUtf8,
  readU32,
  readU64,
  toBase64url,
  toHex,
  u32,
  u64,
  u8,
  utf8,
  wipe,
} from "../../../frontend/js/lib/bytes.js";

const malformed = { code: "malformed" };

test("base64url and hex have one spelling for each byte string", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = toBase64url(bytes);
      assert.equal(text, Buffer.from(bytes).toString("base64url"));
      assert.deepEqual(fromBase64url(text), bytes);
      assert.equal(toHex(bytes), Buffer.from(bytes).toString("hex"));
      assert.deepEqual(fromHex(toHex(bytes)), bytes);
    }),
  );
});

test("base64url of a payload of 256 KiB works", () => {
  const bytes = new Uint8Array(262_144).map((_, i) => i);
  assert.ok(equal(fromBase64url(toBase64url(bytes)), bytes));
});

test("padding, spaces, the other alphabet and spare bits are refused", () => {
  for (const text of ["A", "AA==", "AAA=", "A A", "AA+A", "AA/A", "AB", "AAB", "é", "AA\n"]) {
    assert.throws(() => fromBase64url(text), malformed, text);
  }
  for (const text of ["a", "AB", "0g", " 00"]) assert.throws(() => fromHex(text), malformed, text);
});

test("text that decodes is the text that the bytes encode to", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), (text) => {
      let bytes;
      try {
        bytes = fromBase64url(text);
      } catch (error) {
        assert.equal(error.code, "malformed");
        return;
      }
      assert.equal(toBase64url(bytes), text);
    }),
  );
});

test("a wrong length is refused where one is asked for", () => {
  assert.equal(fromBase64url("AAAA", 3).length, 3);
  for (const length of [0, 2, 4]) assert.throws(() => fromBase64url("AAAA", length), malformed);
});

test("integers are big-endian, bounded and exact", () => {
  assert.equal(toHex(concat(u8(255), u32(1), u64(2 ** 40))), "ff000000010000010000000000");
  for (const value of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assert.equal(readU64(u64(value)), value);
  }
  assert.equal(readU32(concat(u8(9), u32(0xffffffff)), 1), 0xffffffff);
  for (const [write, value] of [
    [u8, 256],
    [u8, -1],
    [u32, 2 ** 32],
    [u32, 1.5],
    [u64, 2 ** 53],
    [u64, Number.NaN],
    [u64, "1"],
  ]) {
    assert.throws(() => write(value), malformed);
  }
});

test("reading beyond the end or beyond 2^53 is refused", () => {
  assert.throws(() => readU32(new Uint8Array(3)), malformed);
  assert.throws(() => readU32(new Uint8Array(8), 5), malformed);
  assert.throws(() => readU64(new Uint8Array(7)), malformed);
  assert.throws(() => readU64(fromHex("0020000000000000")), malformed);
  assert.equal(readU64(fromHex("001fffffffffffff")), Number.MAX_SAFE_INTEGER);
});

test("a view into a larger buffer is read from its own beginning", () => {
  const view = fromHex("ffff00000007ff").subarray(2, 6);
  assert.equal(readU32(view), 7);
  assert.equal(toBase64url(view), "AAAABw");
});

test("UTF-8 is decoded strictly and keeps a byte order mark", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      assert.equal(fromUtf8(utf8(text)), text);
    }),
  );
  assert.equal(fromUtf8(fromHex("efbbbf61")), "\ufeffa");
  for (const bad of ["ff", "c3", "eda080", "c080"]) {
    assert.throws(() => fromUtf8(fromHex(bad)), malformed);
  }
});

test("equality and order are those of the byte strings", () => {
  const bytes = fc.uint8Array({ maxLength: 5, max: 3 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.equal(equal(a, b), Buffer.compare(a, b) === 0);
      assert.equal(Math.sign(compare(a, b)), Buffer.compare(a, b));
    }),
  );
});

test("wiping overwrites in place", () => {
  const [one, two] = [utf8("secret"), utf8("other")];
  wipe(one, two);
  assert.deepEqual([...one, ...two], new Array(11).fill(0));
});
