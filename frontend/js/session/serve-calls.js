/**
 * The worker's end of `client.js`: calls in, answers and events out.
 *
 *     → { id, name, argument } | { online }
 *     ← { id, value } | { id, code } | { event, value }
 */

import { AppError } from "../lib/errors.js";

/** @import { Log } from "../lib/log.js" */

/** @param {string} event @param {unknown} value */
export function tell(event, value) {
  globalThis.postMessage({ event, value });
}

/**
 * Answer the page from now on. Calls that fail are answered with a code; what is no AppError is a bug.
 * @param {object} options
 * @param {Log} options.log
 * @param {(name: string, argument: unknown) => Promise<unknown>} options.answer
 * @param {(online: boolean) => void} options.onNetwork what the browser says; heard from the page and
 *   here, it is said twice
 */
export function serveCalls({ log, answer, onNetwork }) {
  globalThis.addEventListener("message", async ({ data }) => {
    if (typeof data.online === "boolean") {
      onNetwork(data.online);
      return;
    }
    const { id, name, argument } = data;
    try {
      globalThis.postMessage({ id, value: await answer(name, argument) });
    } catch (error) {
      if (!(error instanceof AppError)) log.error("call.broken", { name, error });
      globalThis.postMessage({ id, code: error instanceof AppError ? error.code : "internal" });
    }
  });
  globalThis.addEventListener("online", () => onNetwork(true));
  globalThis.addEventListener("offline", () => onNetwork(false));
  tell("started", null);
}
