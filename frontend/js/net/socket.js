/**
 * The WebSocket side of the wire: one authenticated connection, opened again whenever it ends.
 *
 *     start ─▶ connecting ─authenticated─▶ online ─close─▶ connecting (after a delay) …
 *
 * Delays are exponential with full jitter; the browser coming on-line ends a delay at once. A
 * connection that stays silent after a ping is given up within 30 s. Requests carry an `id` and
 * get the frame that answers it; they fail with "offline" when the connection ends first.
 */

import { AppError } from "../lib/errors.js";
import { delayMs } from "../lib/retry.js";
import { CloseCode } from "../protocol/errors.js";
import { isLoginOver } from "./api.js";
import { openConnection } from "./connection.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { ClientFrame, ServerFrame, ServerFrames } from "../protocol/frames.js" */

const BACKOFF = Object.freeze({ firstMs: 500, maxMs: 30_000 });
const RESTART_SPREAD_MS = 5_000; // 1012: everybody comes back within this time, nobody at once
const TOO_MANY_MS = 60_000;

/** @typedef {{ status: "online" | "connecting" | "offline", retryAtMs: number | null }} Connection */
/** @typedef {Extract<ClientFrame, { id: number }>} Request */
/** @typedef {Request extends infer R ? (R extends unknown ? Omit<R, "id"> : never) : never} Asked */
/** @typedef {ServerFrames["message.accepted"] | ServerFrames["synced"] | ServerFrames["pong"]} Answer */

/**
 * @typedef {object} Environment
 * @property {string} url
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {Clock} clock
 * @property {() => number} random 0 … 1
 * @property {() => boolean} isOnline what the browser says; false is reliable, true is not
 */
/**
 * @typedef {object} Owner
 * @property {(force: boolean) => Promise<string>} token `force`: the last one was refused
 * @property {() => string} deviceId
 * @property {(frame: ServerFrame) => void} onFrame
 * @property {(connection: Connection) => void} onConnection
 * @property {(error: unknown) => void} onEnded the log-in is over; the socket has stopped
 */
/**
 * @typedef {object} Socket
 * @property {() => void} start
 * @property {() => void} stop
 * @property {() => void} wake look now: the network came back, or the page is looked at again
 * @property {() => void} lost the browser says that there is no network: do not wait for the silence
 * @property {(frame: ClientFrame) => boolean} send false when there is no connection
 * @property {(frame: Asked) => Promise<Answer>} request rejects with RefusedError or
 *   AppError("offline")
 */

/**
 * @param {Environment} environment
 * @param {Owner} owner
 * @returns {Socket}
 */
export function createSocket(environment, owner) {
  const { clock, random, isOnline } = environment;
  /** @type {AbortController | null} */
  let running = null;
  /** @type {AbortController | null} */
  let pause = null;
  /** @type {ReturnType<typeof openConnection> | null} */
  let connection = null;
  let needsFreshToken = false;

  /** @param {number} ms */
  const wait = async (ms) => {
    if (running === null) return;
    pause = new AbortController();
    const offline = !isOnline();
    const retryAtMs = offline ? null : clock.nowMs() + ms;
    owner.onConnection({ status: offline ? "offline" : "connecting", retryAtMs });
    const signal = AbortSignal.any([running.signal, pause.signal]);
    await clock.sleep(ms, signal).catch(() => {});
    pause = null;
  };

  /** @param {AbortSignal} signal */
  const run = async (signal) => {
    for (let attempt = 0; !signal.aborted;) {
      owner.onConnection({ status: isOnline() ? "connecting" : "offline", retryAtMs: null });
      const end = await connect(signal);
      connection = null;
      if (signal.aborted) return;
      if (end.authenticated) attempt = 0;
      needsFreshToken = end.code === CloseCode.SESSION_ENDED;
      await wait(pauseAfter(end.code, attempt, random));
      attempt += 1;
    }
  };

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<{ code: number, authenticated: boolean }>}
   */
  const connect = async (signal) => {
    try {
      const token = await owner.token(needsFreshToken);
      if (signal.aborted) return { code: 0, authenticated: false };
      connection = openConnection(
        environment,
        { token, deviceId: owner.deviceId(), signal },
        (frame) => {
          if (frame.type === "authenticated")
            owner.onConnection({ status: "online", retryAtMs: null });
          owner.onFrame(frame);
        },
      );
      return await connection.ended;
    } catch (error) {
      // A server that is busy, draining or away ends nothing.
      if (isLoginOver(error)) {
        stop();
        owner.onEnded(error);
      }
      return { code: 0, authenticated: false };
    }
  };

  const stop = () => {
    running?.abort();
    running = null;
    connection?.close();
    connection = null;
  };

  return Object.freeze({
    start() {
      if (running !== null) return;
      running = new AbortController();
      void run(running.signal);
    },
    stop,
    wake() {
      pause?.abort();
      connection?.probe();
    },
    lost: () => connection?.close(),
    send: (frame) => connection?.send(frame) ?? false,
    request: (frame) => connection?.request(frame) ?? Promise.reject(new AppError("offline")),
  });
}

/**
 * @param {number} code why the connection ended
 * @param {number} attempt
 * @param {() => number} random
 * @returns {number} milliseconds
 */
export function pauseAfter(code, attempt, random) {
  if (code === CloseCode.COME_BACK && attempt === 0)
    return Math.round(random() * RESTART_SPREAD_MS);
  if (code === CloseCode.TOO_MANY || code === CloseCode.BAD_FRAMES) return TOO_MANY_MS;
  return delayMs(BACKOFF, attempt, random);
}
