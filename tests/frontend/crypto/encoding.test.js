import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LABEL } from "../../../frontend/js/crypto/constants.js";
import {
  lengthPrefixedAll,
  parseLengthPrefixed,
  parseTuple,
  tuple,
} from "../../../frontend/js/crypto/encoding.js";
import { concat, toHex, utf8 } from "../../../frontend/js/lib/bytes.js";

const fieldLists = fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 6 });

test("a list of fields reads back as it was written", () => {
  fc.assert(
    fc.property(fieldLists, (fields) => {
      assert.deepEqual(parseLengthPrefixed(lengthPrefixedAll(fields)), fields);
    }),
  );
});

test("two different lists of fields never give the same bytes", () => {
  const labels = fc.constantFrom(...Object.values(LABEL));
  fc.assert(
    fc.property(labels, fieldLists, labels, fieldLists, (labelA, a, labelB, b) => {
      const isSame = labelA === labelB && JSON.stringify(a) === JSON.stringify(b);
      assert.equal(toHex(tuple(labelA, ...a)) === toHex(tuple(labelB, ...b)), isSame);
    }),
  );
  const moved = [tuple("", utf8("ab"), utf8("c")), tuple("", utf8("a"), utf8("bc"))];
  assert.notEqual(toHex(moved[0]), toHex(moved[1]));
});

test("arbitrary bytes either are a list of fields, in its one encoding, or are malformed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      let fields;
      try {
        fields = parseLengthPrefixed(bytes);
      } catch (error) {
        assert.equal(error.code, "malformed");
        return;
      }
      assert.deepEqual(lengthPrefixedAll(fields), bytes);
    }),
  );
});

test("a list that is cut off anywhere but between fields is malformed", () => {
  const whole = lengthPrefixedAll([utf8("abc"), utf8(""), utf8("defgh")]);
  const between = new Set([0, 7, 11, whole.length]);
  for (let length = 0; length <= whole.length; length += 1) {
    const parse = () => parseLengthPrefixed(whole.slice(0, length));
    if (between.has(length)) parse();
    else assert.throws(parse, { code: "malformed" });
  }
  const huge = concat(Uint8Array.of(0xff, 0xff, 0xff, 0xff), utf8("abc"));
  assert.throws(() => parseLengthPrefixed(huge), { code: "malformed" });
});

test("a tuple is read only under its own label and with its own field lengths", () => {
  const bytes = tuple(LABEL.deviceList, utf8("ab"), utf8("c"), utf8("rest"));
  const { fields, rest } = parseTuple(bytes, LABEL.deviceList, [2, 1]);
  assert.deepEqual(fields, [utf8("ab"), utf8("c")]);
  assert.deepEqual(rest, [utf8("rest")]);
  assert.throws(() => parseTuple(bytes, LABEL.deviceCertificate, [2, 1]), { code: "malformed" });
  assert.throws(() => parseTuple(bytes, LABEL.deviceList, [1, 2]), { code: "malformed" });
  assert.throws(() => parseTuple(bytes, LABEL.deviceList, [2, 1, 4, 1]), { code: "malformed" });
  assert.throws(() => parseTuple(utf8(""), LABEL.deviceList, []), { code: "malformed" });
});
