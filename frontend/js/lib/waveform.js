/** How loud a recording is over time, in the 64 levels that go with a voice message (docs/crypto.md §10.3). */

export const WAVE_LEVELS = 64;
const LOUDEST = 255;
/** Root mean square of a voice close to a microphone; louder is drawn as full. */
const FULL_RMS = 0.35;

/**
 * @param {Float32Array} samples −1 … 1
 * @returns {number} 0 … 255; the square root lets quiet speech be seen
 */
export function loudness(samples) {
  if (samples.length === 0) return 0;
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.round(LOUDEST * Math.sqrt(Math.min(1, Math.sqrt(power) / FULL_RMS)));
}

/**
 * @param {readonly number[]} levels 0 … 255, as many as there are
 * @returns {Uint8Array<ArrayBuffer>} 64 of them: the loudest of each stretch, or the nearest when there are fewer
 */
export function waveOf(levels) {
  return Uint8Array.from({ length: WAVE_LEVELS }, (_, at) => {
    const from = Math.floor((at * levels.length) / WAVE_LEVELS);
    const to = Math.max(from + 1, Math.floor(((at + 1) * levels.length) / WAVE_LEVELS));
    return levels.slice(from, to).reduce((most, level) => Math.max(most, level), 0);
  });
}
