/**
 * The page's one mutable variable. State is replaced, never changed; reducers are pure functions of it.
 */

/**
 * @template State
 * @typedef {object} Store
 * @property {() => State} get
 * @property {<Args extends unknown[]>(reducer: (state: State, ...args: Args) => State, ...args: Args) => void} set
 *   replace the state by `reducer(state, ...args)` and tell subscribers whose part changed
 * @property {<Part>(selector: (state: State) => Part, listener: (part: Part) => void) => () => void} subscribe
 *   call `listener` now and after each change of the selected part (by `Object.is`); returns the disposer
 */

/**
 * @template {object} State
 * @param {State} initial
 * @returns {Store<State>}
 */
export function createStore(initial) {
  let state = freeze(initial);
  let notifying = false;
  /** @type {Set<() => void>} */
  const checks = new Set();

  /** Order: a change made by a listener is announced after the current round, so all listeners see the same order. */
  function notify() {
    if (notifying) return;
    notifying = true;
    try {
      for (let seen = null; seen !== state;) {
        seen = state;
        for (const check of [...checks]) if (checks.has(check)) check();
      }
    } finally {
      notifying = false;
    }
  }

  return {
    get: () => state,
    set(reducer, ...args) {
      state = freeze(reducer(state, ...args));
      notify();
    },
    subscribe(selector, listener) {
      let last = selector(state);
      const check = () => {
        const part = selector(state);
        if (Object.is(part, last)) return;
        last = part;
        listener(part);
      };
      checks.add(check);
      listener(last);
      return () => checks.delete(check);
    },
  };
}

/**
 * Freeze the state and its slices; deeper values are made by reducers, which copy, so a deep walk would only cost time.
 * @template {object} State
 * @param {State} state
 * @returns {State}
 */
function freeze(state) {
  if (Object.isFrozen(state)) return state;
  for (const slice of Object.values(state)) if (isPlain(slice)) Object.freeze(slice);
  return Object.freeze(state);
}

/** @param {unknown} value */
function isPlain(value) {
  return value !== null && typeof value === "object" && !ArrayBuffer.isView(value);
}
