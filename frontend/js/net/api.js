/**
 * The REST side of the wire: JSON in, checked JSON out, one access token for everyone.
 *
 * The token lives in this object's memory only. It is renewed shortly before it runs out and when the
 * server says so; concurrent callers share one renewal, and a Web Lock keeps a second tab that is just
 * taking over from spending the same refresh cookie at the same moment.
 */

import { AppError } from "../lib/errors.js";
import { errorAnswer, session as sessionShape } from "../protocol/bodies.js";
import { ErrorCode, RefusedError } from "../protocol/errors.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Clock } from "../lib/clock.js" */
/** @import { Session } from "../protocol/bodies.js" */
/** @import { Shape } from "../protocol/shape.js" */

const TIMEOUT_MS = 20_000;
const TRANSFER_TIMEOUT_MS = 240_000; // for one part of a file on a bad mobile connection
const RENEW_BEFORE_MS = 60_000; // a request that starts with this much left ends before the token does
const JSON_HEADERS = Object.freeze({ "Content-Type": "application/json" });
const REFRESH_LOCK = "sealroom-refresh";
/** @type {readonly string[]} */
const ENDED = [
  ErrorCode.UNAUTHENTICATED,
  ErrorCode.TOKEN_REUSED,
  ErrorCode.SESSION_REVOKED,
  ErrorCode.TOKEN_EXPIRED,
];

/** @typedef {"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} Method */
/** @typedef {{ headers: Record<string, string>, body?: Bytes, signal: AbortSignal }} Transfer */
/** @typedef {(input: string, init: RequestInit) => Promise<Response>} Fetch */
/** @typedef {Pick<LockManager, "request">} Locks */

/**
 * @typedef {object} Api
 * @property {<T>(method: Method, path: string, shape: Shape<T>, body?: object) => Promise<T>} call with
 *   the access token; rejects with RefusedError, AppError "offline" or "bad_answer"
 * @property {<T>(method: Method, path: string, shape: Shape<T>, body?: object) => Promise<T>} callPublic
 *   without it
 * @property {(method: Method, path: string, options: Transfer) => Promise<Bytes>} transfer bytes of a
 *   file, with the access token; rejects like `call`, also when the signal aborts
 * @property {(session: Session) => void} adopt go on with the token of a log-in
 * @property {() => void} forget
 * @property {() => Promise<string>} token a token with at least a minute left
 * @property {() => Promise<Session>} refresh rejects with RefusedError when the log-in has ended
 */

/**
 * @param {{ fetch: Fetch, locks: Locks, clock: Clock, origin: string }} environment
 * @returns {Api}
 */
export function createApi({ fetch, locks, clock, origin }) {
  /** @type {{ value: string, expiresAtMs: number } | null} */
  let access = null;
  /** @type {Promise<Session> | null} */
  let renewal = null;

  /** @type {Api["adopt"]} */
  const adopt = (session) => {
    const expiresAtMs = clock.nowMs() + session.expires_in_s * 1_000;
    access = { value: session.access_token, expiresAtMs };
  };

  /**
   * @param {Method} method
   * @param {string} path
   * @param {{ token?: string | undefined, headers?: Record<string, string>, body?: BodyInit,
   *   signal: AbortSignal }} options
   * @returns {Promise<Response>} one that says yes
   */
  const exchange = async (method, path, { token: bearer, headers = {}, ...rest }) => {
    const authorization = bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` };
    const response = await reach(() =>
      fetch(`${origin}${path}`, {
        method,
        headers: { ...headers, ...authorization },
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        referrerPolicy: "no-referrer",
        ...rest,
      }),
    );
    if (!response.ok) throw refusalOf(response.status, await reach(() => response.text()));
    return response;
  };

  /**
   * @template T
   * @param {Method} method
   * @param {string} path
   * @param {Shape<T>} shape
   * @param {{ body?: object | undefined, token?: string | undefined }} options
   * @returns {Promise<T>}
   */
  const send = async (method, path, shape, { body, token: bearer }) => {
    const isChange = method !== "GET";
    const response = await exchange(method, path, {
      token: bearer,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(isChange ? { headers: JSON_HEADERS, body: JSON.stringify(body ?? {}) } : {}),
    });
    return shape(parseJson(await reach(() => response.text())), path);
  };

  const renew = async () => {
    const session = await locks.request(REFRESH_LOCK, () =>
      send("POST", "/api/auth/refresh", sessionShape, {}),
    );
    adopt(session);
    return session;
  };
  /** @type {Api["refresh"]} */
  const refresh = () => {
    renewal ??= renew().finally(() => {
      renewal = null;
    });
    return renewal;
  };
  const token = async () => {
    if (access === null || access.expiresAtMs - clock.nowMs() < RENEW_BEFORE_MS) await refresh();
    return /** @type {{ value: string }} */ (/** @type {unknown} */ (access)).value;
  };

  /**
   * @template T
   * @param {(token: string) => Promise<T>} attempt
   * @returns {Promise<T>}
   */
  const withToken = async (attempt) => {
    try {
      return await attempt(await token());
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== ErrorCode.TOKEN_EXPIRED) throw error;
      return attempt((await refresh()).access_token);
    }
  };

  return Object.freeze({
    call: (method, path, shape, body) =>
      withToken((bearer) => send(method, path, shape, { body, token: bearer })),
    transfer: (method, path, { headers, body, signal }) =>
      withToken(async (bearer) => {
        const response = await exchange(method, path, {
          token: bearer,
          headers,
          signal: AbortSignal.any([signal, AbortSignal.timeout(TRANSFER_TIMEOUT_MS)]),
          ...(body === undefined ? {} : { body }),
        });
        return new Uint8Array(await reach(() => response.arrayBuffer()));
      }),
    callPublic: (method, path, shape, body) => send(method, path, shape, { body }),
    adopt,
    forget() {
      access = null;
    },
    token,
    refresh,
  });
}

/**
 * @param {unknown} error
 * @returns {boolean} whether it means that the log-in is over and not only that something failed
 */
export function isLoginOver(error) {
  return error instanceof RefusedError && ENDED.includes(error.code);
}

/**
 * @template T
 * @param {() => Promise<T>} attempt
 * @returns {Promise<T>}
 */
async function reach(attempt) {
  try {
    return await attempt();
  } catch (error) {
    throw new AppError("offline", "", { cause: error });
  }
}

/**
 * @param {number} status
 * @param {string} answer
 */
function refusalOf(status, answer) {
  try {
    return new RefusedError(errorAnswer(parseJson(answer), "error").error);
  } catch {
    // A proxy in between answers in its own words.
    return new RefusedError({
      code: status >= 500 ? ErrorCode.UNAVAILABLE : ErrorCode.BAD_REQUEST,
    });
  }
}

/** @param {string} text */
function parseJson(text) {
  try {
    return /** @type {unknown} */ (JSON.parse(text));
  } catch {
    throw new AppError("bad_answer", "not JSON");
  }
}
