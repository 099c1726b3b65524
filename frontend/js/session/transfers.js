/**
 * What is moving: how far each file is, tried again while that can help, a few at once.
 */

import { AppError } from "../lib/errors.js";
import { retry } from "../lib/retry.js";
import { RefusedError } from "../protocol/errors.js";

/** @import { Core } from "./model.js" */
/** @import { AttachmentState } from "./types.js" */

const AT_ONCE = 2;
const BACKOFF = Object.freeze({ firstMs: 500, maxMs: 15_000 });
const PROGRESS_EVERY_MS = 100;
/** Failures in a row while there is a connection; without one, waiting is right. */
const MOST_FAILURES = 10;
const LATER = [
  "offline",
  "rate_limited",
  "unavailable",
  "internal",
  "token_expired",
  "bad_grant",
  "bad_answer",
];

/** @typedef {{ state: AttachmentState, doneBytes: number, failure: string | null }} Status */
/** @typedef {ReturnType<typeof createTransfers>} Transfers */
/** @typedef {{ room: string, key: string, index: number, file: string, totalBytes: number }} Moving */

/**
 * @param {Pick<Core, "clock" | "emit" | "random">} core
 * @param {{ isOnline: () => boolean }} parts
 */
export function createTransfers(core, { isOnline }) {
  /** @type {Map<string, Status>} by file */
  const moving = new Map();
  /** @type {Map<string, number>} */
  const toldMs = new Map();
  /** @type {(() => void)[]} */
  const queue = [];
  let busy = 0;
  let nudge = new AbortController();

  /** @type {Core["clock"]} one whose sleep ends early when there is a connection again */
  const clock = {
    nowMs: core.clock.nowMs,
    async sleep(delayMs, signal) {
      const ends = signal === undefined ? [nudge.signal] : [nudge.signal, signal];
      await core.clock.sleep(delayMs, AbortSignal.any(ends)).catch(() => {});
      signal?.throwIfAborted();
    },
  };

  return Object.freeze({
    /** There is a connection: nobody waits any longer. */
    wake() {
      nudge.abort();
      nudge = new AbortController();
    },
    /** @param {string} file */
    status: (file) => moving.get(file),
    /**
     * @param {string} file
     * @param {AttachmentState} state
     * @param {string | null} [failure] code
     */
    set(file, state, failure = null) {
      moving.set(file, { state, doneBytes: 0, failure });
    },
    /** @param {string} file */
    clear(file) {
      moving.delete(file);
      toldMs.delete(file);
    },
    /**
     * @param {Moving} what
     * @param {number} bytes of the ciphertext
     */
    progress({ file, totalBytes, ...where }, bytes) {
      const doneBytes = Math.min(bytes, totalBytes);
      const status = moving.get(file);
      if (status !== undefined) moving.set(file, { ...status, doneBytes });
      if (core.clock.nowMs() - (toldMs.get(file) ?? 0) < PROGRESS_EVERY_MS) return;
      toldMs.set(file, core.clock.nowMs());
      core.emit("attachmentProgress", { ...where, doneBytes, totalBytes });
    },
    /**
     * Wait for a place, at most `AT_ONCE` are taken.
     * @template Result
     * @param {AbortSignal} signal
     * @param {() => Promise<Result>} work
     * @returns {Promise<Result>}
     */
    async inTurn(signal, work) {
      if (busy < AT_ONCE) busy += 1;
      else {
        await new Promise((resolve) => {
          queue.push(() => resolve(null));
        });
      }
      try {
        signal.throwIfAborted();
        return await work();
      } finally {
        const next = queue.shift();
        if (next === undefined) busy -= 1;
        else next();
      }
    },
    /**
     * Make a call, again while nothing answers or the server asks for patience.
     *
     * Throws: the last error, or the reason of the signal.
     * @template Result
     * @param {AbortSignal} signal
     * @param {() => Promise<Result>} call
     * @returns {Promise<Result>}
     */
    persist(signal, call) {
      let failures = 0;
      return retry(call, {
        ...BACKOFF,
        clock,
        random: core.random,
        signal,
        isRetryable(error) {
          if (isOnline()) failures += 1;
          const isPassing = error instanceof AppError && LATER.includes(error.code);
          return isPassing && failures < MOST_FAILURES;
        },
        retryAfterMs: (error) => (error instanceof RefusedError ? error.retryAfterMs : undefined),
      });
    },
  });
}
