/**
 * Calls that need a log-in: one access token for everyone.
 *
 * The token lives in this object's memory only. It is renewed shortly before it runs out and when the
 * server says so; concurrent callers share one renewal, and a Web Lock keeps a second tab that is just
 * taking over from spending the same refresh cookie at the same moment.
 */

import { AppError } from "../lib/errors.js";
import { session as sessionShape } from "../protocol/bodies.js";
import { ErrorCode, RefusedError } from "../protocol/errors.js";
import { createExchange } from "./exchange.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Clock } from "../lib/clock.js" */
/** @import { Session } from "../protocol/bodies.js" */
/** @import { Shape } from "../protocol/shape.js" */
/** @import { Exchange, Fetch, Method, Transfer } from "./exchange.js" */

const RENEW_BEFORE_MS = 60_000; // a request that starts with this much left ends before the token does
const REFRESH_LOCK = "sealroom-refresh";
/** @type {readonly string[]} */
const ENDED = [
  ErrorCode.UNAUTHENTICATED,
  ErrorCode.TOKEN_REUSED,
  ErrorCode.SESSION_REVOKED,
  ErrorCode.TOKEN_EXPIRED,
];

/** @typedef {Pick<LockManager, "request">} Locks */

/**
 * @typedef {object} Api
 * @property {<T>(method: Method, path: string, shape: Shape<T>, body?: object, headers?: Record<string,
 *   string>) => Promise<T>} call with the access token; rejects with RefusedError, AppError "offline" or "bad_answer"
 * @property {<T>(method: Method, path: string, shape: Shape<T>, body?: object) => Promise<T>} callPublic
 *   without it
 * @property {(method: Method, path: string, options: Transfer) => Promise<Bytes>} transfer bytes of a
 *   file, with the access token; rejects like `call`, also when the signal aborts
 * @property {Exchange["atAddress"]} atAddress without it
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
  const exchange = createExchange({ fetch, origin });
  /** @type {{ value: string, expiresAtMs: number } | null} */
  let access = null;
  /** @type {Promise<Session> | null} */
  let renewal = null;

  /** @type {Api["adopt"]} */
  const adopt = (session) => {
    const expiresAtMs = clock.nowMs() + session.expires_in_s * 1_000;
    access = { value: session.access_token, expiresAtMs };
  };

  const renew = async () => {
    const session = await locks.request(REFRESH_LOCK, () =>
      exchange.call("POST", "/api/auth/refresh", sessionShape),
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
    call: (method, path, shape, body, headers) =>
      withToken((bearer) =>
        exchange.call(method, path, shape, { body, headers: { ...headers, ...bearing(bearer) } }),
      ),
    transfer: (method, path, { headers, ...rest }) =>
      withToken((bearer) =>
        exchange.transfer(method, path, { headers: { ...headers, ...bearing(bearer) }, ...rest }),
      ),
    atAddress: exchange.atAddress,
    callPublic: (method, path, shape, body) => exchange.call(method, path, shape, { body }),
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

/** @param {string} token */
function bearing(token) {
  return { Authorization: `Bearer ${token}` };
}
