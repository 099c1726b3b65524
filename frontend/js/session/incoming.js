/**
 * One entry of a room's log, opened (SEAL1 §4.7).
 *
 *     capsule ─session─▶ kind, CK, PH ─PH, hdrP of our own view─▶ payload ─▶ C2 ─▶ content
 *
 * Who sent it is who owns the session that opened its capsule, whatever the envelope says; room, epoch
 * and roster are this device's own view. Whatever fails becomes a reason, never an exception: the entry
 * behind it must get its turn.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { CHARGED_DERIVATIONS } from "../crypto/constants.js";
import { openPayload } from "../crypto/payload.js";
import { readFiles } from "./attachments.js";

/** @import { Capsule, Content, PayloadContext } from "../crypto/types.js" */
/** @import { Message } from "../protocol/frames.js" */
/** @import { Core, RoomRecord, RowRecord } from "./model.js" */
/** @import { Work } from "./sessions.js" */
/** @import { Trust } from "./trust.js" */
/** @import { UndecryptableReason } from "./types.js" */

/**
 * @typedef {{ kind: "content", capsule: Capsule, content: Content, frankingKey: string,
 *     needsAnswer: boolean, received: number }
 *   | { kind: "nothing", needsAnswer: boolean, received: number }
 *   | { kind: "failed", reason: UndecryptableReason, canAsk: boolean, isCostly: boolean }} Opened
 *   nothing: a heartbeat. failed: `canAsk` when the sending device could send it again, `isCostly` when
 *   the attempt is charged (SEAL1 §4.5)
 */

/**
 * @param {Core} core
 * @param {Trust} trust
 * @param {Work} work
 * @param {RoomRecord} room
 * @param {Message} message not of this device
 * @returns {Promise<Opened>}
 */
export async function openMessage(core, trust, work, room, message) {
  const { sender, sender_device: device, capsule: sealed } = message;
  const isMember = sender === room.peer || sender === core.own.user;
  // Of a two-person room the roster never changes: anything else is a claim of the server.
  if (!isMember) return failed("bad-signature", false);
  if (message.epoch !== 0 || message.roster_hash !== room.id) return failed("unsupported", false);
  if (sealed === null) return failed("before-this-device", false);
  const certificate = trust.device(sender, device);
  if (certificate === undefined) return failed("bad-signature", false);
  try {
    const peer = { user: sender, device, certificate };
    const { capsule, needsAnswer, received } = await work.open(peer, sealed);
    if (capsule.kind === "heartbeat") return { kind: "nothing", needsAnswer, received };
    const msgId = fromBase64url(message.msg_id, 16);
    const context = contextOfSender(room, sender, device, msgId);
    const opened = await openSealed(context, withContent(capsule), message);
    const frankingKey = toBase64url(opened.frankingKey);
    return {
      kind: "content",
      capsule,
      content: opened.content,
      frankingKey,
      needsAnswer,
      received,
    };
  } catch (error) {
    return failedBy(core, error);
  }
}

/**
 * Open a message that could not be opened before, with keys its sender has sent again.
 *
 * Throws: DecryptError.
 * @param {RoomRecord} room
 * @param {{ sender: string, device: string, msgId: string }} from
 * @param {{ payload: string, c2: string }} envelope as it was received
 * @param {{ contentKey: string, payloadHash: string }} keys
 */
export function openAgain(room, { sender, device, msgId }, envelope, keys) {
  const context = contextOfSender(room, sender, device, fromBase64url(msgId, 16));
  const capsule = {
    kind: /** @type {const} */ ("message"),
    msgId: context.msgId,
    contentKey: /** @type {Capsule["contentKey"]} */ (fromBase64url(keys.contentKey, 32)),
    payloadHash: fromBase64url(keys.payloadHash, 32),
  };
  return openSealed(context, capsule, envelope);
}

/**
 * What of a content stands in its row; unknown for a type or a form that this page does not know.
 * @param {Trust} trust
 * @param {RoomRecord} room
 * @param {{ sender: string, device: string, msgId: string }} from
 * @param {Content} content
 * @returns {Promise<Pick<RowRecord, "kind" | "text" | "files">>}
 */
export async function bodyOf(trust, room, { sender, device, msgId }, content) {
  const { t, body: text } = content;
  if (typeof text !== "string") return { kind: "unknown" };
  if (t === "text") return { kind: "text", text };
  const certificate = trust.device(sender, device);
  if (t !== "files" || certificate === undefined) return { kind: "unknown" };
  const context = contextOfSender(room, sender, device, fromBase64url(msgId, 16));
  const files = await readFiles(content, context, certificate.signingKey);
  return files === null ? { kind: "unknown" } : { kind: "files", text, files };
}

/**
 * @param {PayloadContext} context
 * @param {Pick<Capsule, "kind" | "msgId" | "contentKey" | "payloadHash">} capsule
 * @param {{ payload: string, c2: string }} envelope
 */
function openSealed(context, capsule, { payload, c2 }) {
  return openPayload(context, capsule, fromBase64url(payload), fromBase64url(c2, 32));
}

/**
 * A reset and a retry carry a content as a message does (control.js); which of them it was is decided on
 * the kind of the capsule as it was opened.
 * @param {Capsule} capsule
 * @returns {Capsule}
 */
function withContent(capsule) {
  const isControl = capsule.kind === "reset" || capsule.kind === "retry";
  return isControl ? { ...capsule, kind: "message" } : capsule;
}

/**
 * @param {RoomRecord} room
 * @param {string} sender
 * @param {string} device
 * @param {Capsule["msgId"]} msgId
 * @returns {PayloadContext}
 */
function contextOfSender({ id }, sender, device, msgId) {
  const roomId = fromBase64url(id, 32);
  const ids = { senderUser: fromBase64url(sender, 16), senderDevice: fromBase64url(device, 16) };
  return { roomId, epoch: 0, rosterHash: roomId, msgId, ...ids };
}

/**
 * @param {Core} core
 * @param {unknown} error
 * @returns {Opened}
 */
function failedBy(core, error) {
  if (error instanceof DecryptError) {
    const isFinal = ["unsupported", "bad-signature", "duplicate"].includes(error.reason);
    return failed(error.reason, !isFinal, error.derivations > CHARGED_DERIVATIONS);
  }
  if (error instanceof AppError && error.code !== "storage_failed")
    return failed("auth-failed", true);
  core.log.error("open.broken", { error });
  throw error;
}

/**
 * @param {UndecryptableReason} reason
 * @param {boolean} canAsk
 * @param {boolean} [isCostly]
 * @returns {Opened}
 */
function failed(reason, canAsk, isCostly = false) {
  return { kind: "failed", reason, canAsk, isCostly };
}
