import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { hueOf, initialsOf } from "../../../frontend/js/ui/avatar.js";

test("initials are the first letters of the first and last word", () => {
  assert.equal(initialsOf("Nguyễn Thị Minh Anh"), "NA");
  assert.equal(initialsOf("đỗ  ân"), "ĐÂ");
  assert.equal(initialsOf("alice"), "A");
  assert.equal(initialsOf("محمد علي"), "مع");
  assert.equal(initialsOf("🌙 (Mai) 7"), "M7");
  assert.equal(initialsOf("🌙"), "");
  assert.equal(initialsOf(""), "");
});

test("any name gives at most two short initials and never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => initialsOf(name).length <= 12));
});

test("the colour depends on the id alone and stays within the palette", () => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      assert.equal(hueOf(id), hueOf(id));
      assert.ok(Number.isInteger(hueOf(id)) && hueOf(id) >= 0 && hueOf(id) < 10);
    }),
  );
});
