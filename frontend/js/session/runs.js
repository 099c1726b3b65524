/** What is under way: one run for each key, which can be called off and waited for. */

import { AppError } from "../lib/errors.js";

/** @typedef {ReturnType<typeof createRuns>} Runs */

/** @param {(error: unknown) => void} onBroken told what a run threw, though none should */
export function createRuns(onBroken) {
  /** @type {Map<string, { abort: AbortController, done: Promise<void> }>} */
  const runs = new Map();

  return Object.freeze({
    /** @param {string} key */
    has: (key) => runs.has(key),
    /**
     * @param {string} key of which nothing is under way
     * @param {(abort: AbortController) => Promise<void>} work
     */
    begin(key, work) {
      const abort = new AbortController();
      const done = work(abort)
        .catch(onBroken)
        .finally(() => runs.delete(key));
      runs.set(key, { abort, done });
    },
    /**
     * Call off what there is; resolves once nothing of it moves.
     * @param {string} key
     */
    async stop(key) {
      const run = runs.get(key);
      run?.abort.abort(new AppError("cancelled"));
      await run?.done;
    },
    /** @param {string} [prefix] of the keys; every run without it */
    stopAll(prefix = "") {
      for (const [key, { abort }] of runs) {
        if (key.startsWith(prefix)) abort.abort(new AppError("cancelled"));
      }
    },
  });
}
