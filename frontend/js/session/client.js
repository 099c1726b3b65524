/** The page's end of a worker: calls out, answers and events in; plain data only. */

import { createEmitter } from "../lib/emitter.js";
import { AppError } from "../lib/errors.js";
import { startEngineWorker, startLinkWorker } from "./worker-url.js";

/** @import { LinkEngine } from "./link-types.js" */
/** @import { Engine } from "./types.js" */

const ASKED_KEY = "sealroom.asked-to-keep";
const ASK_EVERY_MS = 7 * 24 * 3_600_000;

/**
 * Start the worker and talk to it. One for each page.
 * @returns {Engine}
 */
export function connectEngine() {
  /** @type {Engine} */
  const engine = talkTo(tellingOfNetwork(endingWithPage(startEngineWorker())));
  const stop = engine.on("me", () => {
    stop();
    // Fire and forget, once there is something to keep: a browser that refuses keeps it as it pleases.
    askToKeep(navigator.storage, localStorage, Date.now()).catch(() => {});
  });
  engine.on("deposed", () => location.reload());
  return engine;
}

/**
 * Ask the browser to keep what is here when room gets short, once a week until it does: Firefox puts the question to
 * its user, Chromium agrees once a page is used often. Logging out forgets nothing of it, for it is about the browser.
 * @param {StorageManager | undefined} manager older browsers have none
 * @param {Pick<Storage, "getItem" | "setItem">} storage
 * @param {number} nowMs since 1970
 */
export async function askToKeep(manager, storage, nowMs) {
  const askedMs = Number(storage.getItem(ASKED_KEY) ?? -Infinity);
  if (manager?.persist === undefined || nowMs - askedMs < ASK_EVERY_MS) return;
  if (await manager.persisted()) return;
  // Before the answer, which may never come.
  storage.setItem(ASKED_KEY, `${nowMs}`);
  await manager.persist();
}

/**
 * The same for the page of a link.
 * @returns {LinkEngine}
 */
export function connectLink() {
  return talkTo(tellingOfNetwork(startLinkWorker()));
}

/**
 * A page that was left for another may be kept for the way back, asleep with its worker; and a worker that
 * sleeps on the lock lets nobody else lead. So it ends, and who comes back loads the page anew.
 * @param {Worker} worker
 */
function endingWithPage(worker) {
  addEventListener("pagehide", ({ persisted }) => {
    if (persisted) worker.terminate();
  });
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) location.reload();
  });
  return worker;
}

/**
 * Not every browser tells its workers.
 * @param {Worker} worker
 */
function tellingOfNetwork(worker) {
  addEventListener("online", () => worker.postMessage({ online: true }));
  addEventListener("offline", () => worker.postMessage({ online: false }));
  return worker;
}

/**
 * @template {Engine | LinkEngine} Line
 * @param {Pick<Worker, "postMessage" | "addEventListener">} worker that answers as the engine of this type
 * @returns {Line}
 */
export function talkTo(worker) {
  /** @type {import("../lib/emitter.js").Emitter<Record<string, any>>} any: the name decides the type */
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

  const line = Object.freeze({
    /** @param {string} name @param {unknown} argument */
    call(name, argument) {
      lastId += 1;
      const call = { id: lastId, name, argument };
      return new Promise((resolve, reject) => {
        pending.set(call.id, { resolve, reject });
        if (waiting === null) worker.postMessage(call);
        else waiting.push(call);
      });
    },
    on: (/** @type {string} */ name, /** @type {(value: any) => void} */ fn) => events.on(name, fn),
  });
  return /** @type {Line} */ (line);
}
