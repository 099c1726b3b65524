/** Time as an argument: whatever reads it or waits takes a `Clock`, so tests hold the hands. */

/**
 * @typedef {object} Clock
 * @property {() => number} nowMs milliseconds since epoch, UTC
 * @property {(delayMs: number, signal?: AbortSignal) => Promise<void>} sleep rejects with the signal's
 *   reason when aborted, and then holds no timer
 */

/** @type {Clock} */
export const systemClock = Object.freeze({ nowMs: () => Date.now(), sleep });

/**
 * @param {number} delayMs
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function sleep(delayMs, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
