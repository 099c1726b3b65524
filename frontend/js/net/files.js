/**
 * The calls of docs/protocol.md, Files: ciphertext up part by part and down range by range.
 *
 * A log-in alone moves no byte: the device signs for a token, which is kept for as long as it is good and
 * asked for again when the server says so (S2-6). Every call may be made again; nobody here waits or tries
 * twice, that is for whoever calls.
 */

import { empty, fileGrant, fileState } from "../protocol/bodies.js";
import { RefusedError } from "../protocol/errors.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Of } from "../protocol/shape.js" */
/** @import { Api, Transfer } from "./api.js" */

const OCTETS = "application/octet-stream";

/** @typedef {"put" | "get"} Use */
/** @typedef {(file: string, use: Use, issuedMs: number) => Promise<string>} Sign by the device's key */
/** @typedef {Of<typeof fileState>} FileState */
/** @typedef {ReturnType<typeof createFileCalls>} FileCalls */

/**
 * @param {Api} api
 * @param {{ sign: Sign, nowMs: () => number }} device `nowMs`: the server's time, milliseconds UTC
 */
export function createFileCalls(api, { sign, nowMs }) {
  /** @type {Map<string, string>} file and use → token */
  const tokens = new Map();

  /**
   * @param {string} file
   * @param {Use} use
   */
  const ask = async (file, use) => {
    const issuedMs = nowMs();
    const sig = await sign(file, use, issuedMs);
    const body = { purpose: use, issued_ms: issuedMs, sig };
    const { token } = await api.call("POST", `/api/files/${file}/grant`, fileGrant, body);
    tokens.set(`${file}/${use}`, token);
    return token;
  };

  /**
   * @param {"GET" | "PUT"} method
   * @param {string} file
   * @param {string} what
   * @param {Transfer} transfer
   */
  const move = async (method, file, what, transfer) => {
    const use = method === "PUT" ? "put" : "get";
    const once = (/** @type {string} */ token) => {
      const headers = { ...transfer.headers, "X-File-Grant": token };
      return api.transfer(method, `/api/files/${file}/${what}`, { ...transfer, headers });
    };
    try {
      return await once(tokens.get(`${file}/${use}`) ?? (await ask(file, use)));
    } catch (error) {
      if (!(error instanceof RefusedError) || error.code !== "bad_grant") throw error;
      return once(await ask(file, use));
    }
  };

  return Object.freeze({
    /**
     * Announce a file; the same again tells which parts are there.
     * @param {{ id: string, room: string, sizeBytes: number }} file
     * @returns {Promise<FileState>}
     */
    begin: ({ id, room, sizeBytes }) =>
      api.call("POST", "/api/files", fileState, { id, room, size_bytes: sizeBytes }),
    /**
     * @param {string} file
     * @param {number} number from 0
     * @param {{ bytes: Bytes, hash: string }} part `hash`: SHA-256, base64url
     * @param {AbortSignal} signal
     */
    async put(file, number, { bytes, hash }, signal) {
      const headers = { "Content-Type": OCTETS, "X-Part-Hash": hash };
      await move("PUT", file, `parts/${number}`, { headers, body: bytes, signal });
    },
    /**
     * Say that every part is there.
     * @param {string} file
     * @returns {Promise<FileState>}
     */
    async commit(file) {
      const state = await api.call("POST", `/api/files/${file}/commit`, fileState);
      tokens.delete(`${file}/put`);
      return state;
    },
    /**
     * @param {string} file
     * @param {AbortSignal} signal
     * @returns {Promise<Bytes>} the SHA-256 of each part, one after another, as the server claims
     */
    hashes: (file, signal) => move("GET", file, "hashes", { headers: {}, signal }),
    /**
     * @param {string} file
     * @param {{ start: number, end: number }} range of the ciphertext, in bytes, `end` exclusive
     * @param {AbortSignal} signal
     * @returns {Promise<Bytes>} what the server gives, to be checked
     */
    read: (file, { start, end }, signal) => {
      const headers = { Range: `bytes=${start}-${end - 1}` };
      return move("GET", file, "content", { headers, signal });
    },
    /**
     * End one's own file.
     * @param {string} file
     */
    async remove(file) {
      await api.call("DELETE", `/api/files/${file}`, empty);
    },
  });
}
