import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  WINDOW_ROWS,
  newerLoaded,
  olderLoaded,
  pageOpened,
  readerMoved,
  roomClosed,
  rowsChanged,
} from "../../../frontend/js/state/messages.js";
import { INITIAL_STATE } from "../../../frontend/js/state/state.js";

/** @returns {any} */
const row = (order) => ({ key: `k${order}`, order, seq: order, kind: "text", text: "" });
const rows = (from, to) => Array.from({ length: to - from }, (_, at) => row(from + at));
const orders = (state) => state.messages.room.rows.map((each) => each.order);

function opened(from, to, more = {}) {
  const page = { rows: rows(from, to), hasOlder: true, hasNewer: false, ...more };
  return pageOpened(INITIAL_STATE, "room", page);
}

test("walking ten thousand rows up and down never keeps more than the window, without a gap", () => {
  const total = 10_000;
  const page = 50;
  let state = opened(total - page, total);
  const walk = fc.sample(fc.array(fc.boolean(), { minLength: 600, maxLength: 600 }), 1)[0] ?? [];
  for (const up of [...Array(250).fill(true), ...walk]) {
    const known = state.messages["room"]?.rows ?? [];
    const first = known[0]?.order ?? 0;
    const last = known.at(-1)?.order ?? 0;
    if (up && first > 0) {
      const from = Math.max(0, first - page);
      const loaded = { rows: rows(from, first), hasOlder: from > 0, hasNewer: true };
      state = olderLoaded(state, "room", loaded);
    } else if (!up && last < total - 1) {
      const to = Math.min(total, last + 1 + page);
      const loaded = { rows: rows(last + 1, to), hasOlder: true, hasNewer: to < total };
      state = newerLoaded(state, "room", loaded);
    }
    const seen = orders(state);
    assert.ok(seen.length <= WINDOW_ROWS);
    seen.forEach((order, at) => assert.equal(order, (seen[0] ?? 0) + at));
    const conversation = state.messages["room"];
    assert.equal(conversation?.hasOlder, (seen[0] ?? 0) > 0);
    assert.equal(conversation?.hasNewer, (seen.at(-1) ?? 0) < total - 1);
  }
});

test("a new row joins only a stretch that reaches the newest one", () => {
  const change = { room: "room", rows: [row(500)], removed: [] };
  assert.deepEqual(orders(rowsChanged(opened(490, 500), change)).at(-1), 500);
  const away = opened(100, 110, { hasNewer: true });
  assert.deepEqual(orders(rowsChanged(away, change)).at(-1), 109);
});

test("rows that come in while the conversation is open do not make it grow without bound", () => {
  let state = opened(0, 10, { hasOlder: false });
  for (let order = 10; order < 1000; order += 1) {
    state = rowsChanged(state, { room: "room", rows: [row(order)], removed: [] });
  }
  assert.equal(orders(state).length, WINDOW_ROWS);
  assert.equal(orders(state).at(-1), 999);
  assert.equal(state.messages["room"]?.hasOlder, true);
});

test("a closed room leaves nothing behind and ignores what comes late", () => {
  const closed = roomClosed(opened(0, 10), "room");
  assert.equal(closed.messages["room"], undefined);
  const late = { rows: rows(0, 5), hasOlder: false, hasNewer: false };
  assert.equal(olderLoaded(closed, "room", late), closed);
  assert.equal(rowsChanged(closed, { room: "room", rows: [row(1)], removed: [] }), closed);
});

test("rows that come in never take away what a reader further up is reading", () => {
  let state = readerMoved(opened(0, WINDOW_ROWS), "room", false);
  const change = { room: "room", rows: [row(WINDOW_ROWS)], removed: [] };
  state = rowsChanged(state, change);
  assert.deepEqual([orders(state).at(0), orders(state).at(-1)], [0, WINDOW_ROWS - 1]);
  assert.equal(state.messages["room"]?.hasNewer, true);
  const page = { rows: [row(WINDOW_ROWS)], hasOlder: true, hasNewer: false };
  assert.equal(orders(newerLoaded(state, "room", page)).at(-1), WINDOW_ROWS);
});

test("a row that gets its number while newer ones are missing leaves no gap before it", () => {
  const waiting = { ...row(2 ** 52), key: "mine", seq: null };
  const state = pageOpened(INITIAL_STATE, "room", {
    rows: [...rows(0, 5), waiting],
    hasOlder: false,
    hasNewer: true,
  });
  const numbered = { ...waiting, order: 9, seq: 9 };
  const after = rowsChanged(state, { room: "room", rows: [numbered], removed: [] });
  assert.deepEqual(orders(after), [0, 1, 2, 3, 4]);
});

test("while newer rows are missing, rows of the stretch still change in place", () => {
  const state = opened(0, 5, { hasNewer: true });
  const healed = { ...row(3), text: "now readable" };
  const after = rowsChanged(state, { room: "room", rows: [healed, row(7)], removed: ["k0"] });
  assert.deepEqual(orders(after), [1, 2, 3, 4]);
  assert.equal(after.messages["room"]?.rows[2]?.text, "now readable");
});
