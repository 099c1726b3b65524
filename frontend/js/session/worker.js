/**
 * Worker: the engine of this tab, or the line to the tab that has it.
 *
 *     → { id, name, argument } | { online }
 *     ← { id, value } | { id, code } | { event, value }
 */

import { readU32 } from "../lib/bytes.js";
import { systemClock } from "../lib/clock.js";
import { AppError } from "../lib/errors.js";
import { createLog } from "../lib/log.js";
import { createArgon2id } from "../crypto/argon2.js";
import { randomBytes } from "../crypto/primitives.js";
import { createScratch } from "../storage/scratch.js";
import { deviceName } from "./device-name.js";
import { createEngine } from "./engine.js";
import { joinTabs, openChannel } from "./leader.js";
import { findMissing } from "./probe.js";
import { startArgon2Worker } from "./worker-url.js";

/** @import { Engine, World } from "./engine.js" */

const { indexedDB, navigator, crypto, location } = globalThis;
const log = createLog();

/** @type {World} */
const world = {
  indexedDB,
  locks: navigator.locks,
  fetch: (input, init) => fetch(input, init),
  WebSocket,
  origin: location.origin,
  clock: systemClock,
  log,
  startArgon2() {
    const worker = startArgon2Worker();
    return { argon2id: createArgon2id(worker), end: () => worker.terminate() };
  },
  scratch: createScratch(() => navigator.storage.getDirectory()),
  isOnline: () => navigator.onLine,
  random: () => readU32(randomBytes(4)) / 2 ** 32,
  deviceName: deviceName(navigator.userAgent),
};

/** @type {Engine | null} */
let engine = null;

/** @param {string} event @param {unknown} value */
const tell = (event, value) => globalThis.postMessage({ event, value });

const lead = async (/** @type {(name: string, value: unknown) => void} */ emit) => {
  engine = await createEngine(world, emit);
  const started = engine;
  // A page that is there already goes on with this engine without asking for it.
  await started.call("boot", {}, { tab: "", msgId: "" }).catch((error) => {
    log.warn("boot.failed", { error });
  });
  return /** @type {import("./leader.js").Run} */ (
    (name, argument, context) => started.call(name, argument, context)
  );
};

/** @type {LockManager | undefined} absent where the origin is not secure, and in Lockdown Mode */
const locks = navigator.locks;
const tabs =
  locks === undefined ? null : joinTabs({ locks, channel: openChannel(), lead, onEvent: tell });

/**
 * @param {string} name
 * @param {unknown} argument
 */
async function answer(name, argument) {
  if (tabs !== null) return tabs.call(name, argument);
  const subtle = crypto?.subtle;
  if (name === "boot") {
    return { phase: "unsupported", reason: await findMissing({ indexedDB, locks, subtle }) };
  }
  throw new AppError("unsupported");
}

/** @param {boolean} online what the browser says; heard from the page and here, it is said twice */
function networkChanged(online) {
  if (online) engine?.wake();
  else engine?.lost();
}

globalThis.addEventListener("message", async ({ data }) => {
  if (typeof data.online === "boolean") {
    networkChanged(data.online);
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
globalThis.addEventListener("online", () => networkChanged(true));
globalThis.addEventListener("offline", () => networkChanged(false));
tell("started", null);
