/** Worker: one visit to a link. It has no account, opens no database and keeps nothing. */

import { readU32 } from "../lib/bytes.js";
import { systemClock } from "../lib/clock.js";
import { AppError } from "../lib/errors.js";
import { createLog } from "../lib/log.js";
import { createArgon2id } from "../crypto/argon2.js";
import { randomBytes } from "../crypto/primitives.js";
import { createExchange } from "../net/exchange.js";
import { createLinkVisit } from "./link-visit.js";
import { serveCalls, tell } from "./serve-calls.js";
import { openVisitScratch } from "./visit-scratch.js";
import { startArgon2Worker } from "./worker-url.js";

const { navigator, location } = globalThis;
const log = createLog();

const visit = createLinkVisit(
  {
    exchange: createExchange({
      fetch: (input, init) => fetch(input, init),
      origin: location.origin,
    }),
    log,
    clock: systemClock,
    random: () => readU32(randomBytes(4)) / 2 ** 32,
    isOnline: () => navigator.onLine,
    scratch: await openVisitScratch(() => navigator.storage.getDirectory(), navigator.locks),
    startArgon2() {
      const worker = startArgon2Worker();
      return { argon2id: createArgon2id(worker), end: () => worker.terminate() };
    },
  },
  tell,
);

/** @type {Record<string, (argument: any) => Promise<unknown>>} any: the page's types say what each takes */
const calls = {
  look: visit.look,
  open: visit.open,
  fetch: visit.fetch,
  cancel: visit.cancel,
  report: visit.report,
};

serveCalls({
  log,
  async answer(name, argument) {
    const call = Object.hasOwn(calls, name) ? calls[name] : undefined;
    if (call === undefined) throw new AppError("internal", "no such call");
    return call(argument);
  },
  onNetwork(online) {
    if (online) visit.wake();
  },
});
