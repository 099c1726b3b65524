/**
 * The calls of docs/protocol.md, Files: ciphertext up part by part and down range by range, through the
 * server or past it (part-ways.js).
 *
 * A log-in alone moves no byte: the device signs for a token, which is kept for as long as it is good and
 * asked for again when the server says so (S2-6). Every call may be made again; nobody here waits or tries
 * twice, that is for whoever calls.
 */

import { empty, fileGrant, fileState } from "../protocol/bodies.js";
import { isRefused } from "../protocol/errors.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";
import { bearing, createPartWays } from "./part-ways.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Of } from "../protocol/shape.js" */
/** @import { Api } from "./api.js" */
/** @import { Grant } from "./part-ways.js" */

const OCTETS = "application/octet-stream";

/** @typedef {"put" | "get"} Use */
/** @typedef {{ room: string } | { transfer: string }} Home what a file belongs to */
/** @typedef {(file: string, use: Use, issuedMs: number) => Promise<string>} Sign by the device's key */
/** @typedef {Of<typeof fileState>} FileState */
/** @typedef {ReturnType<typeof createFileCalls>} FileCalls */

/**
 * @param {Api} api
 * @param {{ sign: Sign, nowMs: () => number, log: Log }} device `nowMs`: the server's time, milliseconds UTC
 */
export function createFileCalls(api, { sign, nowMs, log }) {
  /** @type {Map<string, Grant>} by file and use */
  const grants = new Map();
  const ways = createPartWays({
    ask: (method, path, shape, { body, headers }) => api.call(method, path, shape, body, headers),
    atAddress: api.atAddress,
    log,
  });

  /**
   * @param {string} file
   * @param {Use} use
   */
  const ask = async (file, use) => {
    const issuedMs = nowMs();
    const sig = await sign(file, use, issuedMs);
    const body = { purpose: use, issued_ms: issuedMs, sig };
    const grant = await api.call("POST", `/api/files/${file}/grant`, fileGrant, body);
    grants.set(`${file}/${use}`, grant);
    return grant;
  };

  /**
   * @template T
   * @param {string} file
   * @param {Use} use
   * @param {(grant: Grant) => Promise<T>} attempt made once more when the server wants another grant
   */
  const granted = async (file, use, attempt) => {
    try {
      return await attempt(grants.get(`${file}/${use}`) ?? (await ask(file, use)));
    } catch (error) {
      if (!isRefused(error, "bad_grant")) throw error;
      return attempt(await ask(file, use));
    }
  };

  return Object.freeze({
    /**
     * Announce a file; the same again tells which parts are there.
     * @param {{ id: string, home: Home, sizeBytes: number }} file
     * @returns {Promise<FileState>}
     */
    begin: ({ id, home, sizeBytes }) =>
      api.call("POST", "/api/files", fileState, { id, ...home, size_bytes: sizeBytes }),
    /**
     * @param {string} file
     * @param {number} number from 0
     * @param {{ bytes: Bytes, hash: string }} part `hash`: SHA-256, base64url
     * @param {AbortSignal} signal
     */
    put: (file, number, { bytes, hash }, signal) =>
      granted(file, "put", (grant) => {
        const path = `/api/files/${file}/parts/${number}`;
        const headers = { ...bearing(grant), "Content-Type": OCTETS, "X-Part-Hash": hash };
        const plain = () => api.transfer("PUT", path, { headers, body: bytes, signal });
        return ways.put({ file, path, grant, signal }, { bytes, hash }, plain);
      }),
    /**
     * Say that every part is there.
     * @param {string} file
     * @returns {Promise<FileState>}
     */
    async commit(file) {
      const state = await api.call("POST", `/api/files/${file}/commit`, fileState);
      grants.delete(`${file}/put`);
      return state;
    },
    /**
     * @param {string} file
     * @param {AbortSignal} signal
     * @returns {Promise<Bytes>} the SHA-256 of each part, one after another, as the server claims
     */
    hashes: (file, signal) =>
      granted(file, "get", (grant) =>
        api.transfer("GET", `/api/files/${file}/hashes`, { headers: bearing(grant), signal }),
      ),
    /**
     * @param {string} file
     * @param {{ start: number, end: number }} range of one part in the ciphertext, in bytes, `end` exclusive
     * @param {AbortSignal} signal
     * @returns {Promise<Bytes>} what the server gives, to be checked
     */
    read: (file, { start, end }, signal) =>
      granted(file, "get", (grant) => {
        const one = `/api/files/${file}`;
        const headers = { ...bearing(grant), Range: `bytes=${start}-${end - 1}` };
        const plain = () => api.transfer("GET", `${one}/content`, { headers, signal });
        const path = `${one}/parts/${start / FILE_PART_BYTES}`;
        return ways.get({ file, path, grant, signal }, end - start, plain);
      }),
    /**
     * End one's own file.
     * @param {string} file
     */
    async remove(file) {
      await api.call("DELETE", `/api/files/${file}`, empty);
    },
  });
}
