/**
 * The REST side of the wire: JSON in, checked JSON out, and the bytes of files, here or in a bucket.
 */

import { concat } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { leaveBehind } from "../lib/garbage.js";
import { errorAnswer } from "../protocol/bodies.js";
import { ErrorCode, RefusedError } from "../protocol/errors.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Shape } from "../protocol/shape.js" */

const TIMEOUT_MS = 20_000;
const TRANSFER_TIMEOUT_MS = 240_000; // for one part of a file on a bad mobile connection
const JSON_HEADERS = Object.freeze({ "Content-Type": "application/json" });

/** @type {RequestInit} */
const DISCREET = Object.freeze({
  credentials: "omit",
  cache: "no-store",
  redirect: "error",
  referrerPolicy: "no-referrer",
});

/** @typedef {"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} Method */
/** @typedef {{ body?: object | undefined, headers?: Record<string, string> }} Call */
/** @typedef {{ headers: Record<string, string>, body?: Bytes, signal: AbortSignal }} Transfer */
/** @typedef {(input: string, init: RequestInit) => Promise<Response>} Fetch */

/**
 * Everything here rejects with RefusedError, AppError "offline" or "bad_answer".
 * @typedef {object} Exchange
 * @property {<T>(method: Method, path: string, shape: Shape<T>, call?: Call) => Promise<T>} call
 * @property {(method: Method, path: string, options: Transfer) => Promise<Bytes>} transfer bytes of a
 *   file, a part at most; "offline" also when the signal aborts
 * @property {(method: "GET" | "PUT", url: string, options: Transfer) => Promise<Bytes>} atAddress the same at
 *   an address in a bucket: nothing goes along that says who asks or from where; "offline" also when it refuses
 */

/**
 * @param {{ fetch: Fetch, origin: string }} environment
 * @returns {Exchange}
 */
export function createExchange({ fetch, origin }) {
  /**
   * @param {string} path
   * @param {RequestInit} init
   * @returns {Promise<Response>} one that says yes
   */
  const ask = async (path, init) => {
    const response = await reach(() =>
      fetch(`${origin}${path}`, {
        ...DISCREET,
        credentials: "same-origin",
        ...init,
      }),
    );
    if (!response.ok) throw refusalOf(response.status, await reach(() => response.text()));
    return response;
  };

  /**
   * @param {Transfer} transfer
   * @returns {RequestInit}
   */
  const sending = ({ headers, body, signal }) => ({
    headers,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TRANSFER_TIMEOUT_MS)]),
    ...(body === undefined ? {} : { body }),
  });

  /**
   * @param {Response} response
   * @param {Transfer} transfer
   */
  const received = async (response, { body }) => {
    const bytes = await reach(() => readPart(response));
    if (bytes === null) throw new AppError("bad_answer", "longer than a part");
    leaveBehind(bytes.length + (body?.length ?? 0));
    return bytes;
  };

  return Object.freeze({
    async call(method, path, shape, { body, headers = {} } = {}) {
      const isChange = method !== "GET";
      const response = await ask(path, {
        method,
        headers: isChange ? { ...headers, ...JSON_HEADERS } : headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(isChange ? { body: JSON.stringify(body ?? {}) } : {}),
      });
      return shape(parseJson(await reach(() => response.text())), path);
    },
    async transfer(method, path, transfer) {
      return received(await ask(path, { method, ...sending(transfer) }), transfer);
    },
    async atAddress(method, url, transfer) {
      const response = await reach(() => fetch(url, { ...DISCREET, method, ...sending(transfer) }));
      if (!response.ok) throw new AppError("offline");
      return received(response, transfer);
    },
  });
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
 * Nobody fills the memory of a page by never coming to an end.
 * @param {Response} response
 * @returns {Promise<Bytes | null>} null for what is longer than a part
 */
async function readPart(response) {
  const said = response.headers.get("Content-Length");
  const isPlain = said !== null && !response.headers.has("Content-Encoding");
  if (isPlain && Number(said) <= FILE_PART_BYTES) {
    return new Uint8Array(await response.arrayBuffer());
  }
  const reader = response.body?.getReader();
  /** @type {Bytes[]} */
  const pieces = [];
  let left = FILE_PART_BYTES;
  for (;;) {
    const piece = (await reader?.read())?.value;
    if (piece === undefined) return concat(...pieces);
    left -= piece.length;
    if (left < 0) {
      await reader?.cancel();
      return null;
    }
    pieces.push(piece);
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
