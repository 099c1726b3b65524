/**
 * Web Locks of one browser, which Node has not: all of them exclusive, given in the order of asking. Who
 * waits can give up, and who has one can be robbed of it.
 */
export function createLocks() {
  /** Of those that ask for one name, the first has it. */
  const queues = new Map();
  const leave = (name, entry) => {
    const queue = queues.get(name);
    const at = queue.indexOf(entry);
    if (at !== -1) queue.splice(at, 1);
    if (at === 0) queue[0]?.begin();
    return at !== -1;
  };
  let last = 0;
  return {
    /** Each request is a client of its own. */
    async query() {
      const held = [...queues].filter(([, [first]]) => first?.isHeld);
      return { held: held.map(([name, [{ clientId }]]) => ({ name, clientId })) };
    },
    request(name, ...rest) {
      const { signal, steal = false } = rest.length > 1 ? rest[0] : {};
      const queue = queues.get(name) ?? [];
      queues.set(name, queue);
      return new Promise((resolve, reject) => {
        last += 1;
        const entry = {
          clientId: `${last}`,
          isHeld: false,
          begin() {
            entry.isHeld = true;
            Promise.resolve({ name })
              .then(rest.at(-1))
              .then(resolve, reject)
              .finally(() => leave(name, entry));
          },
          isRobbed: () => reject(new DOMException("stolen", "AbortError")),
        };
        signal?.addEventListener("abort", () => {
          if (!entry.isHeld && leave(name, entry)) reject(signal.reason);
        });
        if (steal && queue[0]?.isHeld) queue.shift().isRobbed();
        if (steal) queue.unshift(entry);
        else queue.push(entry);
        if (queue[0] === entry) entry.begin();
      });
    },
  };
}
