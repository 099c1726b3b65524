/**
 * The calls of docs/protocol.md, Links: no log-in, the secret of the link instead.
 *
 * A download is one grant for all files of the link. It is taken when the first byte is asked for, kept
 * for as long as it is good, and taken anew when the server says so. By its id the server knows it again, so
 * every call may be made again for nothing.
 */

import { toBase64url } from "../lib/bytes.js";
import { empty, linkContents, linkGrant, linkInfo } from "../protocol/bodies.js";
import { isRefused } from "../protocol/errors.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";
import { bearing, createPartWays } from "./part-ways.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Of } from "../protocol/shape.js" */
/** @import { Exchange } from "./exchange.js" */
/** @import { Grant } from "./part-ways.js" */

/** @typedef {Of<typeof linkContents>} LinkContents */
/** @typedef {{ reason: string, text: string }} Report */
/** @typedef {ReturnType<typeof createLinkCalls>} LinkCalls */

/**
 * @param {Exchange} exchange
 * @param {{ transfer: string, download: string, log: Log }} visit ids as base64url; `download` of 16 random
 *   bytes, the same again for the same download
 */
export function createLinkCalls(exchange, { transfer, download, log }) {
  const path = `/api/links/${transfer}`;
  const ways = createPartWays({ ask: exchange.call, atAddress: exchange.atAddress, log });
  const showing = (/** @type {Bytes} */ auth) => ({ "X-Link-Auth": toBase64url(auth) });
  /** @type {Promise<Grant> | null} shared by all that need it at once */
  let grant = null;

  /** @param {Bytes} auth */
  const take = (auth) => {
    const taking = exchange.call("POST", `${path}/downloads`, linkGrant, {
      headers: showing(auth),
      body: { id: download },
    });
    grant = taking;
    taking.catch(() => {
      if (grant === taking) grant = null;
    });
    return taking;
  };

  /**
   * @param {Bytes} auth
   * @param {(grant: Grant) => Promise<Bytes>} attempt made once more when the server wants another grant
   */
  const granted = async (auth, attempt) => {
    const used = grant ?? take(auth);
    try {
      return await attempt(await used);
    } catch (error) {
      if (!isRefused(error, "bad_grant")) throw error;
      return attempt(await (grant === used || grant === null ? take(auth) : grant));
    }
  };

  return Object.freeze({
    info: () => exchange.call("GET", path, linkInfo),
    /** @param {Bytes} auth 32 bytes; another one is refused as `bad_link` */
    contents: (auth) =>
      exchange.call("GET", `${path}/contents`, linkContents, { headers: showing(auth) }),
    /**
     * @param {Bytes} auth
     * @param {string} file
     * @param {AbortSignal} signal
     * @returns {Promise<Bytes>} the SHA-256 of each part, one after another, as the server claims
     */
    hashes: (auth, file, signal) =>
      granted(auth, (its) =>
        exchange.transfer("GET", `${path}/files/${file}/hashes`, { headers: bearing(its), signal }),
      ),
    /**
     * @param {Bytes} auth
     * @param {string} file
     * @param {{ start: number, end: number }} range of one part in the ciphertext, in bytes, `end` exclusive
     * @param {AbortSignal} signal
     * @returns {Promise<Bytes>} what the server gives, to be checked
     */
    read: (auth, file, { start, end }, signal) =>
      granted(auth, (its) => {
        const one = `${path}/files/${file}`;
        const headers = { ...bearing(its), Range: `bytes=${start}-${end - 1}` };
        const plain = () => exchange.transfer("GET", `${one}/content`, { headers, signal });
        const part = `${one}/parts/${start / FILE_PART_BYTES}`;
        return ways.get({ file, path: part, grant: its, signal }, end - start, plain);
      }),
    /**
     * @param {Bytes} auth
     * @param {Report} body
     */
    async report(auth, body) {
      await exchange.call("POST", `${path}/reports`, empty, { headers: showing(auth), body });
    },
  });
}
