import assert from "node:assert/strict";
import { test } from "node:test";

import { createStore } from "../../../frontend/js/state/store.js";

const add = (state, by) => ({ ...state, count: state.count + by });
const rename = (state, name) => ({ ...state, name });

test("a subscriber hears the present value at once and then only changes of its part", () => {
  const store = createStore({ count: 1, name: "a" });
  const heard = [];
  store.subscribe(
    (state) => state.count,
    (count) => heard.push(count),
  );
  store.set(rename, "b");
  store.set(add, 2);
  store.set(add, 0);
  assert.deepEqual(heard, [1, 3]);
});

test("the state cannot be changed but by a reducer", () => {
  const store = createStore({ count: 1, nested: { a: 1 } });
  assert.throws(() => (store.get().count = 2), TypeError);
  assert.throws(() => (store.get().nested.a = 2), TypeError);
});

test("a disposed subscriber hears nothing, even when disposed by another in the same round", () => {
  const store = createStore({ count: 0, name: "" });
  const heard = [];
  let disposeSecond = () => {};
  store.subscribe(
    (state) => state.count,
    (count) => count > 0 && disposeSecond(),
  );
  disposeSecond = store.subscribe(
    (state) => state.count,
    (count) => heard.push(count),
  );
  store.set(add, 1);
  assert.deepEqual(heard, [0]);
});

test("a change made by a listener reaches everyone, in the same order for all", () => {
  const store = createStore({ count: 0, name: "" });
  const first = [];
  const second = [];
  store.subscribe(
    (state) => state.count,
    (count) => {
      first.push(count);
      if (count === 1) store.set(add, 1);
    },
  );
  store.subscribe(
    (state) => state.count,
    (count) => second.push(count),
  );
  store.set(add, 1);
  assert.deepEqual(first, [0, 1, 2]);
  assert.equal(second.at(-1), 2);
  assert.deepEqual(second, [...second].sort());
});

test("a reducer that throws changes nothing", () => {
  const store = createStore({ count: 1, name: "" });
  const fail = () => {
    throw new Error("no");
  };
  assert.throws(() => store.set(fail), /no/);
  assert.equal(store.get().count, 1);
  store.set(add, 1);
  assert.equal(store.get().count, 2);
});
