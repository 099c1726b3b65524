import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { splitName } from "../../../frontend/js/ui/file-name.js";

test("a short name stands as it is", () => {
  assert.deepEqual(splitName("report.pdf"), ["report.pdf", ""]);
});

test("of a long name the end is kept apart, with what stands before the point", () => {
  const [head, tail] = splitName("minutes of the meeting, part 2.pdf");
  assert.equal(head, "minutes of the meeting, par");
  assert.equal(tail, "t 2.pdf");
});

test("a name without an ending, or with a long one, keeps its last letters", () => {
  assert.equal(splitName("a name that nobody ever ended")[1].length, 9);
  assert.equal(splitName("holiday.this is no ending at all")[1].length, 9);
});

test("a mark is not parted from its letter", () => {
  const name = `${"a".repeat(20)}ế.pdf`.normalize("NFD");
  assert.equal(splitName(name)[0].at(-1), "a");
  assert.match(splitName(name)[1], /^\p{L}/u);
});

test("both parts together are the name, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => splitName(name).join("") === name),
  );
});
