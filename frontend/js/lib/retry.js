/**
 * Trying again without a stampede: exponential back-off with full jitter.
 *
 * Full jitter (any delay between zero and the bound) spreads the reconnects of all browsers after a
 * restart of the server evenly; a small jitter around the bound leaves them in waves.
 */

/** @import { Clock } from "./clock.js" */

/**
 * @typedef {object} Backoff
 * @property {number} firstMs bound of the first delay
 * @property {number} maxMs bound that the doubling stops at
 */

/**
 * @param {Backoff} backoff
 * @param {number} attempt 0 for the delay after the first failure
 * @param {() => number} [random] 0 … 1
 * @returns {number} milliseconds
 */
export function delayMs({ firstMs, maxMs }, attempt, random = Math.random) {
  return Math.round(random() * Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30)));
}

/**
 * Run an action until it succeeds, its error is final, the attempts are used up or the signal aborts.
 *
 * Throws: the last error of the action, or the reason of the signal.
 * @template T
 * @param {(attempt: number) => Promise<T>} action attempt counts from 0
 * @param {Backoff & {
 *   clock: Clock,
 *   isRetryable: (error: unknown) => boolean,
 *   attempts?: number,
 *   retryAfterMs?: (error: unknown) => number | undefined,
 *   random?: () => number,
 *   signal?: AbortSignal,
 * }} options `retryAfterMs` is what the server asked for: never waited shorter than that
 * @returns {Promise<T>}
 */
export async function retry(action, options) {
  const { clock, isRetryable, attempts = Infinity, retryAfterMs, random, signal } = options;
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await action(attempt);
    } catch (error) {
      if (attempt + 1 >= attempts || !isRetryable(error)) throw error;
      const asked = retryAfterMs?.(error) ?? 0;
      await clock.sleep(Math.max(asked, delayMs(options, attempt, random)), signal);
    }
  }
}
