/** Events of one object to whoever listens; synchronous, in the order of subscription. */

/**
 * @template {Record<string, unknown>} Events
 * @typedef {object} Emitter
 * @property {<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void) => () => void} on
 *   returns the function that ends the subscription; ending it twice is harmless
 * @property {<K extends keyof Events>(type: K, detail: Events[K]) => void} emit a listener that throws
 *   does not keep the others from hearing; the error is reported and nothing is swallowed
 */

/**
 * @template {Record<string, unknown>} Events
 * @param {(error: unknown) => void} [onError] default: the global error handler, outside this call
 * @returns {Emitter<Events>}
 */
export function createEmitter(onError = reportError) {
  /** @type {Map<keyof Events, Set<{ call: (detail: any) => void }>>} any: the map forgets which K */
  const subscriptions = new Map();
  return Object.freeze({
    on(type, listener) {
      // An object per subscription, so that one function subscribed twice is heard twice.
      const subscription = { call: listener };
      const set = subscriptions.get(type) ?? new Set();
      subscriptions.set(type, set.add(subscription));
      return () => {
        set.delete(subscription);
      };
    },
    emit(type, detail) {
      for (const { call } of [...(subscriptions.get(type) ?? [])]) {
        try {
          call(detail);
        } catch (error) {
          onError(error);
        }
      }
    },
  });
}

/** @param {unknown} error */
function reportError(error) {
  queueMicrotask(() => {
    throw error;
  });
}
