/**
 * The two ways of a part: through the server, or past it when a grant says `direct` (docs/protocol.md, Files).
 *
 *     address ─▶ bucket ─▶ arrived
 *
 * The way through the server always works. Where the bucket cannot be reached and the server can, the rest of
 * that file goes there. An address is a secret: it is in no log and in no error.
 */

import { AppError } from "../lib/errors.js";
import { empty, getAddress, putAddress } from "../protocol/bodies.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Shape } from "../protocol/shape.js" */
/** @import { Exchange, Method } from "./exchange.js" */

/** What may concern the way only; the other one tells whether the file is there. */
const NOT_THAT_WAY = ["offline", "bad_answer", "not_found", "bad_part"];

/** @typedef {{ token: string, direct?: boolean | undefined }} Grant */
/**
 * @typedef {<T>(method: Method, path: string, shape: Shape<T>, call: { body?: object, headers: Record<string,
 *   string> }) => Promise<T>} Ask the server
 */
/**
 * @typedef {object} Part
 * @property {string} file
 * @property {string} path of the part at the server
 * @property {Grant} grant
 * @property {AbortSignal} signal
 */
/** @typedef {ReturnType<typeof createPartWays>} PartWays */

/**
 * @param {{ ask: Ask, atAddress: Exchange["atAddress"], log: Log }} parts
 */
export function createPartWays({ ask, atAddress, log }) {
  /** @type {Set<string>} files whose parts go through the server */
  const through = new Set();

  /**
   * @template T
   * @param {Part} part
   * @param {() => Promise<T>} past the server
   * @param {() => Promise<T>} plain through it
   */
  const take = async ({ file, grant, signal }, past, plain) => {
    if (grant.direct !== true || through.has(file)) return plain();
    try {
      return await past();
    } catch (error) {
      const isItsWay = error instanceof AppError && NOT_THAT_WAY.includes(error.code);
      if (signal.aborted || !isItsWay) throw error;
    }
    const result = await plain(); // who is off-line gets nowhere, and tries both again
    if (!through.has(file)) log.warn("parts.through_server");
    through.add(file);
    return result;
  };

  return Object.freeze({
    /**
     * @param {Part} part
     * @param {{ bytes: Bytes, hash: string }} content `hash`: SHA-256, base64url
     * @param {() => Promise<unknown>} plain through the server
     */
    async put(part, { bytes, hash }, plain) {
      const { path, grant, signal } = part;
      const said = { body: { hash }, headers: bearing(grant) };
      const past = async () => {
        const { url, headers } = await ask("POST", `${path}/address`, putAddress, said);
        await atAddress("PUT", url, { headers, body: bytes, signal });
        await ask("POST", `${path}/arrived`, empty, said);
      };
      await take(part, past, async () => void (await plain()));
    },
    /**
     * @param {Part} part
     * @param {number} sizeBytes of the part
     * @param {() => Promise<Bytes>} plain through the server
     * @returns {Promise<Bytes>} to be checked
     */
    get(part, sizeBytes, plain) {
      const { path, grant, signal } = part;
      const past = async () => {
        const headers = bearing(grant);
        const { url } = await ask("GET", `${path}/address`, getAddress, { headers });
        const bytes = await atAddress("GET", url, { headers: {}, signal });
        if (bytes.length !== sizeBytes) throw new AppError("bad_answer", "size of a part");
        return bytes;
      };
      return take(part, past, plain);
    },
  });
}

/** @param {Grant} grant */
export function bearing({ token }) {
  return { "X-File-Grant": token };
}
