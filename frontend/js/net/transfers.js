/** The calls of docs/protocol.md, Transfers. Every one may be made again. */

import {
  empty,
  receivedTransfer,
  receivedTransfers,
  sentTransfer,
  sentTransfers,
  transferHeads,
} from "../protocol/bodies.js";
import { isRefused } from "../protocol/errors.js";

/** @import { WireReceivedTransfer, WireSentTransfer } from "../protocol/bodies.js" */
/** @import { Api } from "./api.js" */

/** @typedef {{ auth_hash: string, manifest: string, has_passphrase: boolean }} LinkOffer */
/**
 * @typedef {{ id: string, kind: "person" | "address" | "link", user?: string, email?: string,
 *   lives_ms: number, max_downloads: number | null }} StartBody
 * @typedef {{ files: string[], heads?: string[], link?: LinkOffer }} SendBody
 */
/** @typedef {ReturnType<typeof createTransferCalls>} TransferCalls */

/** @param {Api} api */
export function createTransferCalls(api) {
  const pathOf = (/** @type {string} */ id) => `/api/transfers/${id}`;
  return Object.freeze({
    /**
     * Announce a transfer; one that is open already is returned as it is.
     * @param {StartBody} body
     * @returns {Promise<WireSentTransfer>}
     */
    begin: (body) => api.call("POST", "/api/transfers", sentTransfer, body),
    /**
     * Make it visible; refused as `incomplete` while a file is not whole, as `conflict` when it was sent
     * with other contents.
     * @param {string} id
     * @param {SendBody} body
     * @returns {Promise<WireSentTransfer>}
     */
    send: (id, body) => api.call("POST", `${pathOf(id)}/send`, sentTransfer, body),
    /** @returns {Promise<WireSentTransfer[]>} newest first */
    async sent() {
      return (await api.call("GET", "/api/transfers/sent", sentTransfers)).transfers;
    },
    /** @returns {Promise<WireReceivedTransfer[]>} newest first */
    async inbox() {
      return (await api.call("GET", "/api/transfers/inbox", receivedTransfers)).transfers;
    },
    /**
     * @param {string} id
     * @returns {Promise<WireReceivedTransfer>}
     */
    accept: (id) => api.call("POST", `${pathOf(id)}/accept`, receivedTransfer),
    /**
     * @param {string} id
     * @returns {Promise<string[]>} heads of sealed files, base64url, in the order of the files
     */
    async heads(id) {
      return (await api.call("GET", `${pathOf(id)}/heads`, transferHeads)).heads;
    },
    /**
     * @param {string} id
     * @param {string[]} heads
     * @returns {Promise<WireSentTransfer>}
     */
    putHeads: (id, heads) => api.call("PUT", `${pathOf(id)}/heads`, sentTransfer, { heads }),
    /**
     * Say that all of it arrived.
     * @param {string} id
     */
    async downloaded(id) {
      await api.call("POST", `${pathOf(id)}/downloaded`, empty);
    },
    /**
     * Withdraw or decline it; what has ended already is no failure.
     * @param {string} id
     */
    async end(id) {
      try {
        await api.call("DELETE", pathOf(id), empty);
      } catch (error) {
        if (!isRefused(error, "not_found")) throw error;
      }
    },
  });
}
