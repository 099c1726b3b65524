import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { keyedList } from "../../../frontend/js/ui/list.js";
import { FakeElement } from "./fake-element.js";

/** @typedef {{ key: string, text: string }} Item */

/** @param {Item[]} destroyed */
function textList(destroyed = []) {
  const container = new FakeElement();
  const made = [];
  const list = keyedList(
    container,
    (item) => item.key,
    (item) => {
      made.push(item.key);
      const el = new FakeElement();
      return {
        el,
        update: ({ text }) => (el.text = text),
        destroy: () => destroyed.push(item.key),
      };
    },
  );
  return { container, list, made, destroyed };
}

const items = fc.uniqueArray(
  fc.record({ key: fc.string({ minLength: 1, maxLength: 2 }), text: fc.string() }),
  { selector: (item) => item.key, maxLength: 20 },
);

test("any sequence of updates shows what drawing from nothing shows", () => {
  fc.assert(
    fc.property(fc.array(items, { maxLength: 8 }), (updates) => {
      const { container, list } = textList();
      for (const update of updates) {
        list.update(update);
        assert.deepEqual(
          container.children.map((el) => el.text),
          update.map((item) => item.text),
        );
      }
    }),
  );
});

test("an element lives exactly as long as its key stays in the list", () => {
  fc.assert(
    fc.property(items, items, (before, after) => {
      const { list, made, destroyed } = textList();
      list.update(before);
      const kept = new Map(before.map(({ key }) => [key, list.get(key)]));
      list.update(after);
      const keys = new Set(after.map((item) => item.key));
      for (const [key, row] of kept) {
        assert.equal(list.get(key), keys.has(key) ? row : undefined);
        assert.equal(destroyed.includes(key), !keys.has(key));
      }
      assert.equal(new Set(made).size, made.length);
    }),
  );
});

test("elements already in place are not moved, so focus and scroll stay", () => {
  const { container, list } = textList();
  const rows = ["a", "b", "c"].map((key) => ({ key, text: key }));
  list.update(rows);
  const before = container.inserts;
  list.update([...rows, { key: "d", text: "d" }]);
  assert.equal(container.inserts - before, 1);
  list.update(rows.slice(1));
  assert.equal(container.inserts - before, 1);
});

test("a key that stands twice is refused", () => {
  const { list } = textList();
  const twice = [
    { key: "a", text: "1" },
    { key: "a", text: "2" },
  ];
  assert.throws(() => list.update(twice), /stands twice/);
});

test("destroy empties the list and ends every row", () => {
  const { container, list, destroyed } = textList();
  list.update([{ key: "a", text: "1" }]);
  list.destroy();
  assert.deepEqual(container.children, []);
  assert.deepEqual(destroyed, ["a"]);
});
