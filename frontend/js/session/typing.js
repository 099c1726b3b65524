/** Who is typing: said by us at most every three seconds, believed of others for six. */

import { TYPING_TTL_MS } from "../protocol/limits.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { ClientFrame } from "../protocol/frames.js" */

const SAY_EVERY_MS = TYPING_TTL_MS / 2;

/** @typedef {ReturnType<typeof createTyping>} Typing */

/**
 * @param {Clock} clock
 * @param {{ send: (frame: ClientFrame) => boolean, onChange: (room: string) => void }} parts
 */
export function createTyping(clock, { send, onChange }) {
  /** @type {Map<string, number>} room → until when the other one types */
  const until = new Map();
  /** @type {Map<string, number>} room → when we said so */
  const said = new Map();

  /** @param {string} room */
  const isTyping = (room) => (until.get(room) ?? 0) > clock.nowMs();

  return Object.freeze({
    isTyping,
    /**
     * @param {string} room
     * @param {boolean} on
     */
    hear(room, on) {
      if (on) until.set(room, clock.nowMs() + TYPING_TTL_MS);
      else until.delete(room);
      onChange(room);
      if (on) {
        void clock.sleep(TYPING_TTL_MS).then(() => {
          if (!isTyping(room)) onChange(room);
        });
      }
    },
    /**
     * @param {string} room
     * @param {boolean} on
     */
    say(room, on) {
      const saidMs = said.get(room) ?? 0;
      const isFresh = clock.nowMs() - saidMs < SAY_EVERY_MS;
      if (on ? isFresh : saidMs === 0) return;
      said.set(room, on ? clock.nowMs() : 0);
      send({ type: "typing", room, on });
    },
  });
}
