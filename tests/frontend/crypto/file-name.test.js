import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  isFileName,
  isMediaType,
  toFileName,
  toMediaType,
} from "../../../frontend/js/crypto/file-name.js";

const UNSAFE_NAMES = [
  "",
  ".",
  "..",
  "../../etc/passwd",
  "C:\\boot.ini",
  "a\u0000b",
  "line\nbreak",
  "invoice\u202Egpj.exe",
  "a\u2066b",
  "lone \ud800",
  "é".repeat(128),
];

for (const name of UNSAFE_NAMES) {
  test(`${JSON.stringify(name)} is no name, and becomes one`, () => {
    assert.equal(isFileName(name), false);
    assert.equal(isFileName(toFileName(name)), true);
  });
}

test("names people give stay as they are", () => {
  for (const name of ["Báo cáo.pdf", ".profile", "a b (1).tar.gz", "写真.jpg", "x".repeat(255)]) {
    assert.equal(toFileName(name), name);
  }
});

test("every text becomes a name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) =>
      isFileName(toFileName(text)),
    ),
  );
});

test("a type loses its parameters, and is left out when it is none", () => {
  assert.equal(toMediaType("Text/Plain; charset=utf-8"), "text/plain");
  assert.equal(toMediaType(""), "");
  assert.equal(toMediaType("text"), "");
  assert.equal(isMediaType("image/svg+xml"), true);
  assert.equal(isMediaType(`a/${"b".repeat(126)}`), false);
});
