/** One at a time, in the order of asking. */

/**
 * @typedef {object} Mutex
 * @property {<T>(work: () => Promise<T>) => Promise<T>} run an error of the work goes to its caller and
 *   does not stop the ones behind it
 */

/** @returns {Mutex} */
export function createMutex() {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  return Object.freeze({
    run(work) {
      const result = last.then(work);
      last = result.catch(() => {});
      return result;
    },
  });
}
