/**
 * Whose bytes move now, in one direction: in the order of asking, except that a small file does not wait
 * for large ones.
 */

const PLACES = 3; // in each direction: browsers connect to one server six times at once
const PLACES_OF_LARGE = 2;
const SMALL_BYTES = 8 * 1024 ** 2; // photos, voice messages, documents: seconds, where a film takes minutes

/** @typedef {{ isLarge: boolean, begin: () => void }} Asked */
/** @typedef {ReturnType<typeof createTurns>} Turns */

/** Turns of one direction. */
export function createTurns() {
  /** @type {Asked[]} in the order of asking */
  const queue = [];
  let busy = 0;
  let busyLarge = 0;

  /**
   * @param {boolean} isLarge
   * @param {1 | -1} change
   */
  const count = (isLarge, change) => {
    busy += change;
    if (isLarge) busyLarge += change;
  };

  const beginNext = () => {
    for (const asked of [...queue]) {
      const isFree = busy < PLACES && !(asked.isLarge && busyLarge === PLACES_OF_LARGE);
      if (isFree) asked.begin();
    }
  };

  /**
   * @param {boolean} isLarge
   * @param {AbortSignal} signal
   * @returns {Promise<void>} when there is a place, which is taken then; rejects with the signal's reason
   */
  const turn = (isLarge, signal) =>
    new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener("abort", giveUp);
        queue.splice(queue.indexOf(asked), 1);
      };
      const giveUp = () => {
        leave();
        reject(signal.reason);
      };
      const asked = {
        isLarge,
        begin() {
          leave();
          count(isLarge, 1);
          resolve();
        },
      };
      signal.addEventListener("abort", giveUp);
      queue.push(asked);
      beginNext();
    });

  return Object.freeze({
    /**
     * Wait for a place, and leave it however the work ends.
     *
     * Throws: the reason of the signal, at once when it comes while waiting; what the work throws.
     * @template Result
     * @param {{ sizeBytes: number, signal: AbortSignal }} file
     * @param {() => Promise<Result>} work
     * @returns {Promise<Result>}
     */
    async run({ sizeBytes, signal }, work) {
      const isLarge = sizeBytes > SMALL_BYTES;
      signal.throwIfAborted();
      await turn(isLarge, signal);
      try {
        return await work();
      } finally {
        count(isLarge, -1);
        beginNext();
      }
    },
  });
}
