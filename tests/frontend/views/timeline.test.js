import assert from "node:assert/strict";
import { test } from "node:test";
import { timeline } from "../../../frontend/js/views/timeline.js";

const NOON_MS = new Date(2026, 10, 21, 12, 0).getTime();
const MINUTE_MS = 60_000;

/** @returns {any} */
function row(seq, sentMs, more = {}) {
  return {
    key: `k${seq}`,
    seq,
    order: seq,
    mine: false,
    sender: "an",
    state: "received",
    kind: "text",
    text: `${seq}`,
    sentMs,
    ...more,
  };
}
/** @param {any[]} items */
const shape = (items) =>
  items.map((item) =>
    item.kind === "row"
      ? `${item.row.seq}${item.first ? "<" : ""}${item.last ? ">" : ""}`
      : item.kind,
  );

test("a day line stands above the first row of each day", () => {
  const rows = [row(1, NOON_MS - 24 * 60 * MINUTE_MS), row(2, NOON_MS), row(3, NOON_MS)];
  assert.deepEqual(shape(timeline(rows, null)), ["day", "1<>", "day", "2<", "3>"]);
});

test("rows of one sender within one minute stand in one group", () => {
  const rows = [
    row(1, NOON_MS),
    row(2, NOON_MS + 59_000),
    row(3, NOON_MS + MINUTE_MS),
    row(4, NOON_MS + MINUTE_MS, { sender: "binh", mine: true, state: "sent" }),
  ];
  assert.deepEqual(shape(timeline(rows, null)), ["day", "1<", "2>", "3<>", "4<>"]);
});

test("notices and failed rows stand alone", () => {
  const rows = [
    row(1, NOON_MS),
    row(2, NOON_MS, { kind: "system" }),
    row(3, NOON_MS, { state: "failed" }),
    row(4, NOON_MS),
  ];
  assert.deepEqual(shape(timeline(rows, null)), ["day", "1<>", "2<>", "3<>", "4<>"]);
});

test("the unread line stands once, above the first row of the other that was unread", () => {
  const rows = [
    row(1, NOON_MS),
    row(2, NOON_MS, { mine: true, sender: "me", state: "sent" }),
    row(3, NOON_MS),
    row(4, NOON_MS),
  ];
  assert.deepEqual(shape(timeline(rows, 2)), ["day", "1<>", "2<>", "unread", "3<", "4>"]);
});

test("keys are unique and follow the rows, so elements survive an update", () => {
  const rows = [row(1, NOON_MS - 24 * 60 * MINUTE_MS), row(2, NOON_MS)];
  const keys = timeline(rows, 2).map((item) => item.key);
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(
    timeline([...rows, row(3, NOON_MS)], 2)
      .map((item) => item.key)
      .slice(0, keys.length),
    keys,
  );
});
