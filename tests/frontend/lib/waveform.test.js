import assert from "node:assert/strict";
import { test } from "node:test";

import { WAVE_LEVELS, loudness, waveOf } from "../../../frontend/js/lib/waveform.js";

test("silence is nothing, a shout is everything, and more is never less", () => {
  const at = (/** @type {number} */ value) => loudness(new Float32Array(128).fill(value));
  assert.equal(at(0), 0);
  assert.equal(at(1), 255);
  assert.equal(at(-1), 255);
  const rising = Array.from({ length: 50 }, (_, index) => at(index / 50));
  assert.deepEqual(
    rising,
    rising.toSorted((a, b) => a - b),
  );
  assert.equal(loudness(new Float32Array(0)), 0);
});

test("a wave has 64 levels however long the recording was", () => {
  for (const length of [0, 1, 5, 63, 64, 65, 1000]) {
    const levels = Array.from({ length }, (_, at) => (at * 7) % 256);
    const wave = waveOf(levels);
    assert.equal(wave.length, WAVE_LEVELS);
    assert.equal(Math.max(...wave), Math.max(0, ...levels), `${length} levels`);
  }
});

test("what was loud in the middle is loud in the middle", () => {
  const levels = Array.from({ length: 640 }, (_, at) => (at >= 300 && at < 310 ? 200 : 10));
  assert.deepEqual(
    [...waveOf(levels)].map((level, at) => (level > 10 ? at : -1)).filter((at) => at >= 0),
    [30],
  );
});
