import assert from "node:assert/strict";
import { test } from "node:test";

import { leaveBehind } from "../../../frontend/js/lib/garbage.js";

const MIB = 1024 ** 2;

/** How often memory is asked for while files of so many bytes pass. */
function timesAsked(sizes, refuse = false) {
  const original = globalThis.ArrayBuffer;
  let times = 0;
  globalThis.ArrayBuffer = class extends original {
    constructor(size) {
      times += 1;
      if (refuse) throw new RangeError("no room");
      super(size);
    }
  };
  try {
    for (const size of sizes) leaveBehind(size);
  } finally {
    globalThis.ArrayBuffer = original;
  }
  return times;
}

test("the engine is made to count once for every 4 MiB, however small the pieces", () => {
  assert.equal(timesAsked(Array.from({ length: 16 }, () => MIB)), 4);
  assert.equal(timesAsked([MIB, MIB, MIB]), 0);
  assert.equal(timesAsked([MIB]), 1);
});

test("where there is no room for it, work goes on", () => {
  assert.equal(timesAsked([4 * MIB, 4 * MIB], true), 2);
});
