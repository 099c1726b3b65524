import assert from "node:assert/strict";
import { test } from "node:test";

import { createPace } from "../../../frontend/js/lib/pace.js";

test("nothing is promised before a second has passed", () => {
  const pace = createPace();
  assert.equal(pace(0, 0, 1000), null);
  assert.equal(pace(999, 500, 1000), null);
  assert.deepEqual(pace(1000, 500, 1000), { bytesPerSecond: 500, leftMs: 1000 });
});

test("only the last seconds count", () => {
  const pace = createPace();
  pace(0, 0, 100_000);
  for (let second = 1; second <= 10; second += 1) pace(second * 1000, second * 100, 100_000);
  assert.deepEqual(pace(11_000, 6000, 100_000), {
    bytesPerSecond: 1080,
    leftMs: 87_037.03703703704,
  });
});

test("what stands still has no speed", () => {
  const pace = createPace();
  pace(0, 0, 1000);
  pace(1000, 500, 1000);
  assert.equal(pace(6500, 500, 1000), null);
});

test("less than before is a new beginning", () => {
  const pace = createPace();
  pace(0, 0, 1000);
  pace(1000, 900, 1000);
  assert.equal(pace(1500, 100, 1000), null);
  assert.deepEqual(pace(2500, 200, 1000), { bytesPerSecond: 100, leftMs: 8000 });
});
