/**
 * What is moving: how far each file is, whose turn it is, tried again while that can help.
 */

import { AppError } from "../lib/errors.js";
import { retry } from "../lib/retry.js";
import { RefusedError } from "../protocol/errors.js";
import { createTurns } from "./turns.js";

/** @import { Core } from "./model.js" */
/** @import { AttachmentState } from "./types.js" */

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
/** @typedef {ReturnType<typeof createTraffic>} Traffic */
/**
 * One file under way; `tell` hears how far it is, at most ten times a second.
 * @typedef {{ file: string, totalBytes: number, tell: Tell }} Moving
 * @typedef {(progress: { doneBytes: number, totalBytes: number }) => void} Tell
 */

/**
 * Tell the page how far a file of a message is.
 * @param {Pick<Core, "emit">} core
 * @param {{ room: string, key: string, index: number }} where
 * @returns {Tell}
 */
export function emitProgress({ emit }, where) {
  return (progress) => emit("attachmentProgress", { ...where, ...progress });
}

/**
 * @param {Pick<Core, "clock" | "random">} core
 * @param {{ isOnline: () => boolean }} parts
 */
export function createTraffic(core, { isOnline }) {
  /** @type {Map<string, Status>} by file */
  const moving = new Map();
  /** @type {Map<string, number>} */
  const toldMs = new Map();
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
    /** Whose turn it is; what goes up and what comes down do not wait for each other. */
    up: createTurns(),
    down: createTurns(),
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
    /**
     * It stays as far as it came.
     * @param {string} file
     */
    pause(file) {
      const doneBytes = moving.get(file)?.doneBytes ?? 0;
      moving.set(file, { state: "paused", doneBytes, failure: null });
    },
    /** @param {string} file */
    clear(file) {
      moving.delete(file);
      toldMs.delete(file);
    },
    /**
     * @param {Moving} what
     * @param {number} bytes that are done; more than all of them are all
     */
    progress({ file, totalBytes, tell }, bytes) {
      const doneBytes = Math.min(bytes, totalBytes);
      const status = moving.get(file);
      if (status !== undefined) moving.set(file, { ...status, doneBytes });
      const isSoon = core.clock.nowMs() - (toldMs.get(file) ?? 0) < PROGRESS_EVERY_MS;
      if (isSoon && doneBytes < totalBytes) return;
      toldMs.set(file, core.clock.nowMs());
      tell({ doneBytes, totalBytes });
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
          return isPassing(error) && failures < MOST_FAILURES;
        },
        retryAfterMs: (error) => (error instanceof RefusedError ? error.retryAfterMs : undefined),
      });
    },
  });
}

/**
 * @param {unknown} error of a call
 * @returns {boolean} whether the same call may succeed later
 */
export function isPassing(error) {
  return error instanceof AppError && LATER.includes(error.code);
}
