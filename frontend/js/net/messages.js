/**
 * Messages of a room, to the server and from it: over the socket, and what is too large for a frame by REST
 * (docs/protocol.md, Rooms and messages).
 */

import { AppError } from "../lib/errors.js";
import { sendAnswer } from "../protocol/bodies.js";
import { FRAME_BYTES } from "../protocol/limits.js";

/** @import { SendBody, ServerFrames } from "../protocol/frames.js" */
/** @import { Api } from "./api.js" */
/** @import { Socket } from "./socket.js" */

const HEADER_BYTES = 256; // type, id and room of the frame around a body

/** @typedef {ReturnType<typeof createMessageCalls>} MessageCalls */

/**
 * @param {Pick<Api, "call">} api
 * @param {Socket["request"]} request of the socket
 */
export function createMessageCalls(api, request) {
  return Object.freeze({
    /**
     * The same message id again gets the first answer.
     *
     * Throws: AppError "offline", "bad_answer"; RefusedError.
     * @param {string} room
     * @param {SendBody} body
     * @returns {Promise<{ seq: number, server_ms: number }>} when the server has stored it
     */
    async send(room, body) {
      // Every character of it is ASCII, so characters are bytes.
      if (JSON.stringify(body).length > FRAME_BYTES - HEADER_BYTES) {
        return api.call("POST", `/api/rooms/${room}/messages`, sendAnswer, body);
      }
      const answer = await request({ type: "message.send", room, ...body });
      if (answer.type !== "message.accepted") throw new AppError("bad_answer", "not an acceptance");
      return answer;
    },
    /**
     * Throws: AppError "offline", "bad_answer"; RefusedError.
     * @param {string} room
     * @param {number} after number of the last entry that is known
     * @param {number} limit
     * @returns {Promise<ServerFrames["synced"]>}
     */
    async sync(room, after, limit) {
      const answer = await request({ type: "sync", room, after, limit });
      if (answer.type !== "synced" || answer.room !== room)
        throw new AppError("bad_answer", "sync");
      return answer;
    },
  });
}
