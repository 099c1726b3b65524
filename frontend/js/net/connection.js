/**
 * One WebSocket connection, from opening to end: authenticate, pair answers with requests, notice
 * silence.
 */

import { AppError } from "../lib/errors.js";
import { CloseCode, RefusedError } from "../protocol/errors.js";
import { parseFrame } from "../protocol/frames.js";
import { AUTHENTICATE_MS, PING_INTERVAL_MS, PONG_TIMEOUT_MS } from "../protocol/limits.js";

/** @import { ClientFrame, ServerFrame } from "../protocol/frames.js" */
/** @import { Answer, Asked, Environment, Request } from "./socket.js" */

/**
 * One connection from opening to end.
 * @param {Environment} environment
 * @param {{ token: string, deviceId: string, signal: AbortSignal }} login
 * @param {(frame: ServerFrame) => void} onFrame
 */
export function openConnection({ url, WebSocket, clock }, { token, deviceId, signal }, onFrame) {
  const socket = new WebSocket(url);
  const life = new AbortController();
  /** @type {Map<number, { resolve: (frame: Answer) => void, reject: (error: Error) => void }>} */
  const pending = new Map();
  let lastId = 0;
  let authenticated = false;
  let heardAtMs = clock.nowMs();
  /** @type {(end: { code: number, authenticated: boolean }) => void} */
  let finish = () => {};
  /** @type {Promise<{ code: number, authenticated: boolean }>} */
  const ended = new Promise((resolve) => {
    finish = resolve;
  });

  /** @param {number} code */
  const end = (code) => {
    if (life.signal.aborted) return;
    life.abort();
    for (const { reject } of pending.values()) reject(new AppError("offline"));
    pending.clear();
    // A half-open socket would take minutes to close by itself; nobody waits for it.
    socket.close();
    finish({ code, authenticated });
  };
  /** @param {ClientFrame} frame */
  const write = (frame) => {
    const isOpen = socket.readyState === socket.OPEN && !life.signal.aborted;
    if (isOpen) socket.send(JSON.stringify(frame));
    return isOpen;
  };
  /** Give the connection up unless something is heard soon. */
  const probe = async () => {
    const askedAtMs = clock.nowMs();
    lastId += 1;
    write({ type: "ping", id: lastId });
    await clock.sleep(PONG_TIMEOUT_MS, life.signal).catch(() => {});
    if (heardAtMs < askedAtMs) end(0);
  };
  const watch = async () => {
    await clock.sleep(AUTHENTICATE_MS, life.signal).catch(() => {});
    if (!authenticated) end(CloseCode.AUTHENTICATION_TIMEOUT);
    while (!life.signal.aborted) {
      await clock.sleep(PING_INTERVAL_MS, life.signal).catch(() => {});
      if (!life.signal.aborted) await probe();
    }
  };
  /** @param {string} data */
  const receive = (data) => {
    heardAtMs = clock.nowMs();
    const frame = readFrame(data);
    if (frame === null) return;
    if (frame.type === "authenticated") authenticated = true;
    const id = "id" in frame ? frame.id : undefined;
    const waiting = id === undefined ? undefined : pending.get(id);
    if (id !== undefined) pending.delete(id);
    if (frame.type === "error") {
      const error = new RefusedError(frame.error);
      if (!authenticated) end(CloseCode.SESSION_ENDED);
      waiting?.reject(error);
    } else if (waiting !== undefined) {
      waiting.resolve(/** @type {Answer} */ (frame));
    } else {
      onFrame(frame);
    }
  };

  socket.onopen = () => write({ type: "authenticate", token, device_id: deviceId });
  socket.onmessage = ({ data }) => receive(String(data));
  socket.onclose = ({ code }) => end(code);
  socket.onerror = () => end(0);
  signal.addEventListener("abort", () => end(0), { once: true, signal: life.signal });
  void watch();

  return {
    ended,
    close: () => end(0),
    probe: () => void probe(),
    /** @param {ClientFrame} frame */
    send: (frame) => authenticated && write(frame),
    /**
     * @param {Asked} frame
     * @returns {Promise<Answer>}
     */
    request(frame) {
      lastId += 1;
      const numbered = /** @type {Request} */ ({ ...frame, id: lastId });
      if (!authenticated || !write(numbered)) return Promise.reject(new AppError("offline"));
      return new Promise((resolve, reject) => {
        pending.set(numbered.id, { resolve, reject });
      });
    },
  };
}

/**
 * @param {string} data
 * @returns {ServerFrame | null} null for what cannot be read: the next sync repairs whatever it was
 */
function readFrame(data) {
  try {
    return parseFrame(data);
  } catch {
    return null;
  }
}
