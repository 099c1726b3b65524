import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FOLDED_CHARS, FOLDED_LINES, foldText } from "../../../frontend/js/views/fold-text.js";

test("a short text is not folded", () => {
  for (const text of ["", "a", "a\nb", "x".repeat(FOLDED_CHARS), "\n".repeat(FOLDED_LINES - 1)]) {
    assert.equal(foldText(text), text);
  }
});

test("what is long or high is cut at its beginning (S-34)", () => {
  assert.equal(foldText("x".repeat(200_000)).length, FOLDED_CHARS);
  assert.equal(foldText("a\n".repeat(5000)).split("\n").length, FOLDED_LINES);
});

test("the cut never goes through a character, and a fold is always a beginning", () => {
  const part = fc.constantFrom("🙂", "a", "\n", "ế", "e\u0302\u0301", "👩‍👩‍👧");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4000, size: "max" }), (parts) => {
      const text = parts.join("");
      const folded = foldText(text);
      assert.ok(text.startsWith(folded));
      assert.ok(folded.isWellFormed());
      assert.ok(folded.length <= FOLDED_CHARS);
      assert.ok(folded.split("\n").length <= FOLDED_LINES);
    }),
  );
});
