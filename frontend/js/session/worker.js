/** Worker: the engine of this tab, or the line to the tab that has it. */

import { readU32 } from "../lib/bytes.js";
import { systemClock } from "../lib/clock.js";
import { AppError } from "../lib/errors.js";
import { createLog } from "../lib/log.js";
import { createArgon2id } from "../crypto/argon2.js";
import { randomBytes } from "../crypto/primitives.js";
import { createScratch } from "../storage/scratch.js";
import { deviceName } from "./device-name.js";
import { createEngine } from "./engine.js";
import { joinTabs } from "./leader.js";
import { findMissing } from "./probe.js";
import { serveCalls, tell } from "./serve-calls.js";
import { openChannel } from "./tab-notes.js";
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
  keptBytes: 1024 ** 3,
  isOnline: () => navigator.onLine,
  random: () => readU32(randomBytes(4)) / 2 ** 32,
  deviceName: deviceName(navigator.userAgent),
};

/** @type {Engine | null} */
let engine = null;

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

/** Another tab leads since this one slept: nothing goes on here, and the page starts anew. */
const onDeposed = () => {
  tell("deposed", null);
  globalThis.close();
};

/** @type {LockManager | undefined} absent where the origin is not secure, and in Lockdown Mode */
const locks = navigator.locks;
const tabs =
  locks === undefined
    ? null
    : joinTabs({
        locks,
        channel: openChannel(),
        clock: world.clock,
        random: world.random,
        lead,
        onEvent: tell,
        onDeposed,
      });

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

serveCalls({
  log,
  answer,
  onNetwork(online) {
    if (online) engine?.wake();
    else engine?.lost();
  },
});
