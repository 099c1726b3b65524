/** The page's end of the engine: calls out, answers and events in; plain data only. */

import { createEmitter } from "../lib/emitter.js";
import { AppError } from "../lib/errors.js";
import { startEngineWorker } from "./worker-url.js";

/** @import { Engine, EngineEvents } from "./types.js" */

/**
 * Start the worker and talk to it. One for each page.
 * @returns {Engine}
 */
export function connectEngine() {
  const worker = startEngineWorker();
  // Not every browser tells its workers.
  addEventListener("online", () => worker.postMessage({ online: true }));
  addEventListener("offline", () => worker.postMessage({ online: false }));
  const engine = talkTo(worker);
  const stop = engine.on("me", () => {
    stop();
    // Fire and forget, once there is something to keep: a browser that refuses keeps it as it pleases.
    void navigator.storage?.persist?.().catch(() => false);
  });
  return engine;
}

/**
 * @param {Pick<Worker, "postMessage" | "addEventListener">} worker
 * @returns {Engine}
 */
export function talkTo(worker) {
  /** @type {import("../lib/emitter.js").Emitter<EngineEvents & Record<string, unknown>>} */
  const events = createEmitter();
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} any: the call
   *   decides the type */
  const pending = new Map();
  /** @type {object[] | null} calls made while the worker loads; null once it listens */
  let waiting = [];
  let lastId = 0;

  worker.addEventListener("message", ({ data }) => {
    if (data.event === "started") {
      for (const call of waiting ?? []) worker.postMessage(call);
      waiting = null;
    } else if (data.event !== undefined) {
      events.emit(data.event, data.value);
    } else {
      const call = pending.get(data.id);
      pending.delete(data.id);
      if (data.code === undefined) call?.resolve(data.value);
      else call?.reject(new AppError(data.code));
    }
  });
  worker.addEventListener("error", () => {
    for (const { reject } of pending.values()) reject(new AppError("internal", "worker"));
    pending.clear();
  });

  return Object.freeze({
    call(name, argument) {
      lastId += 1;
      const call = { id: lastId, name, argument };
      return new Promise((resolve, reject) => {
        pending.set(call.id, { resolve, reject });
        if (waiting === null) worker.postMessage(call);
        else waiting.push(call);
      });
    },
    on: (name, fn) => events.on(name, fn),
  });
}
