import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { deviceDirectory, room, session } from "../../../frontend/js/protocol/bodies.js";
import { parseFrame, parseMessage } from "../../../frontend/js/protocol/frames.js";
import {
  base64,
  count,
  list,
  millis,
  nullable,
  object,
  oneOf,
  optional,
} from "../../../frontend/js/protocol/shape.js";

const refusal = { code: "bad_answer" };

test("unknown keys are dropped and inherited ones are not there (S-34)", () => {
  const shape = object({ seq: count, toString: optional(count) });
  const value = JSON.parse('{"seq": 1, "more": 2, "__proto__": {"polluted": true}}');
  assert.deepEqual(Object.keys(shape(value, "x")), ["seq", "toString"]);
  assert.equal(shape(value, "x").toString, undefined);
  assert.equal({}.polluted, undefined);
});

test("what is missing or of another type is refused with its path", () => {
  const shape = object({ rooms: list(object({ seq: count })) });
  assert.throws(
    () => shape({ rooms: [{ seq: 1 }, { seq: "2" }] }, "body"),
    /body\.rooms\[1\]\.seq/,
  );
  for (const value of [null, [], 5, "x", {}, { rooms: {} }]) {
    assert.throws(() => shape(value, "body"), refusal);
  }
});

test("numbers are whole, not negative and exact", () => {
  for (const value of [-1, 0.5, NaN, 2 ** 53, "1", null]) {
    assert.throws(() => count(value, "n"), refusal);
  }
  assert.equal(count(2 ** 53 - 1, "n"), 2 ** 53 - 1);
});

test("a time is one that a Date can hold, so no answer breaks the page that shows it", () => {
  assert.equal(millis(8.64e15, "x"), 8.64e15);
  assert.doesNotThrow(() => new Date(millis(8.64e15, "x")).toISOString());
  assert.throws(() => millis(8.64e15 + 1, "x"), refusal);
});

test("ids have one spelling", () => {
  const id = base64(16);
  assert.equal(id("A".repeat(22), "id"), "A".repeat(22));
  for (const value of ["A".repeat(21), `${"A".repeat(21)}B`, `${"A".repeat(21)}=`, 5]) {
    assert.throws(() => id(value, "id"), refusal);
  }
});

test("null, absent and unknown words are told apart", () => {
  assert.equal(nullable(count)(undefined, "n"), null);
  assert.equal(optional(count)(undefined, "n"), undefined);
  assert.throws(() => optional(count)(null, "n"), refusal);
  assert.throws(() => oneOf("a", "b")("c", "n"), refusal);
});

test("a frame of a type we do not know is passed over, a broken one refused", () => {
  assert.equal(parseFrame('{"type": "hologram"}'), null);
  assert.equal(parseFrame('{"type": "toString"}'), null);
  for (const data of ["", "[]", "{}", '{"type": 5}', '{"type": "typing", "room": "r"}']) {
    assert.throws(() => parseFrame(data), refusal);
  }
});

test("no value makes a parser throw anything but its refusal", () => {
  const parsers = [
    parseMessage,
    (v) => room(v, "r"),
    (v) => session(v, "s"),
    (v) => deviceDirectory(v, "d"),
  ];
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...parsers), (value, parse) => {
      try {
        parse(value);
      } catch (error) {
        assert.equal(error.code, "bad_answer");
      }
    }),
  );
});
