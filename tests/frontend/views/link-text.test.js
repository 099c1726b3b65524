import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { splitLinks } from "../../../frontend/js/views/link-text.js";

/** @param {string} text */
const links = (text) => splitLinks(text).flatMap(({ href }) => (href === null ? [] : [href]));

test("web and mail addresses become links, and nothing else does (S-31)", () => {
  assert.deepEqual(links("see https://example.org/a?b=c#d and mailto:an@example.org"), [
    "https://example.org/a?b=c#d",
    "mailto:an@example.org",
  ]);
  for (const text of [
    "javascript:alert(1)",
    "data:text/html,<script>",
    "vbscript:x",
    "file:///etc/passwd",
    "https://",
    "mailto:nobody",
    "example.org",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("what a sentence puts behind an address is not part of it", () => {
  assert.deepEqual(links("Go to https://example.org/. Now!"), ["https://example.org/"]);
  assert.deepEqual(links("(https://example.org/x)"), ["https://example.org/x"]);
  assert.deepEqual(links("https://example.org/wiki/A_(b)"), ["https://example.org/wiki/A_(b)"]);
  assert.deepEqual(links("“https://example.org/?q=1”"), ["https://example.org/?q=1"]);
});

test("an address never reaches across a character that turns the writing direction", () => {
  assert.deepEqual(links("https://example.org/\u202egpj.exe"), ["https://example.org/"]);
});

test("an address of nothing but brackets and dots costs one pass (S-34)", () => {
  for (const tail of [")", "(", ".", ".a", "()", "]"]) {
    const text = `https://a.example/${tail.repeat(200_000 / tail.length)}`;
    const startMs = performance.now();
    splitLinks(text);
    assert.ok(performance.now() - startMs < 1000, tail);
  }
});

test("splitting keeps every character in its place", () => {
  const word = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("https://a.example/b", " ", ").", "mailto:x@y", "javascript:1", "https://"),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const text = words.join("");
      assert.equal(
        splitLinks(text)
          .map((piece) => piece.text)
          .join(""),
        text,
      );
      for (const link of links(text)) assert.match(link, /^(https?:\/\/|mailto:)/i);
    }),
  );
});
