/**
 * What devices tell each other, as ordinary messages of a room that nobody sees.
 *
 * A control message is sent, numbered and acknowledged like any other. Its content is
 * `{"t": "control", …}`; only the devices it is for get its content key, in a capsule whose kind says
 * what it is, and every other device of the room gets an empty heartbeat capsule (kind 4), so that the
 * server's rule "a capsule for each device" holds and nobody else can read it. It has no row, no receipt
 * and no `sseq`.
 *
 *     kind 2 reset      {retry: [msgId …]}   on a fresh session: what I had with you is gone; send again
 *     kind 3 retry      {retry: [msgId …]}   the session holds, these I could not open
 *     kind 3 retry      {reissue: [{msg_id, content_key, payload_hash} …], nothing: [msgId …]}
 *                                            the answer to it; nothing: those were control messages
 *     kind 4 heartbeat  {}                   turns the ratchet: after 50 messages without an answer, or
 *                                            when a session was begun without a one-time prekey
 *     kind 1 message    {trust: [{user, account_key, verified} …]}   to own devices only
 *
 * `t: "control"` in a capsule of kind 1 from another person is ignored, and so is any other `t` in a
 * capsule of kind 2 or 3.
 */

import { base64, flag, list, object, optional } from "../protocol/shape.js";
import { hash, id16, point } from "../protocol/fields.js";

/** @import { Content } from "../crypto/types.js" */
/** @import { Control } from "./model.js" */
/** @import { TrustStatement } from "./trust.js" */

export const MAX_RETRY = 100; // ids in one request; the next one asks for the rest

const shape = object({
  retry: optional(list(id16, MAX_RETRY)),
  reissue: optional(
    list(object({ msg_id: id16, content_key: base64(32), payload_hash: hash }), MAX_RETRY),
  ),
  nothing: optional(list(id16, MAX_RETRY)),
  trust: optional(list(object({ user: id16, account_key: point, verified: flag }), 10_000)),
});

/** @typedef {ReturnType<typeof shape>} ControlContent */

/**
 * Read the content of a control message.
 *
 * Throws: AppError("bad_answer").
 * @param {Content} content
 * @returns {ControlContent}
 */
export function parseControl(content) {
  return shape(content, "control");
}

/**
 * @param {string} peer device that is asked
 * @param {string[]} msgIds
 * @param {boolean} isReset on a fresh session
 * @returns {Control}
 */
export function askAgain(peer, msgIds, isReset) {
  return { kind: isReset ? "reset" : "retry", targets: [peer], content: { retry: msgIds } };
}

/**
 * @param {string} peer device that asked
 * @param {{ msgId: string, contentKey: string, payloadHash: string }[]} keys
 * @param {string[]} nothing ids of what no person was meant to see
 * @returns {Control}
 */
export function answerRetry(peer, keys, nothing) {
  const reissue = keys.map(({ msgId, contentKey, payloadHash }) => {
    return { msg_id: msgId, content_key: contentKey, payload_hash: payloadHash };
  });
  return { kind: "retry", targets: [peer], content: { reissue, nothing } };
}

/** @returns {Control} */
export function heartbeat() {
  return { kind: "heartbeat", targets: [], content: {} };
}

/**
 * @param {string[]} peers own other devices
 * @param {readonly TrustStatement[]} statements
 * @returns {Control}
 */
export function shareTrust(peers, statements) {
  const trust = statements.map(({ user, accountKey, verified }) => {
    return { user, account_key: accountKey, verified };
  });
  return { kind: "message", targets: peers, content: { trust } };
}
