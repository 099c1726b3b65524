/** @import { App } from "./types.js" */

/** Others see "typing" for six seconds (TYPING_TTL_MS), so it is said again well before that. */
const AGAIN_AFTER_MS = 4000;

/**
 * Tells the other side that somebody is typing, seldom enough. A hint only: whether it arrives does not matter.
 * @param {App} app
 * @param {string} room
 */
export function typingSignal(app, room) {
  let saidMs = 0;
  let isOn = false;

  /** @param {boolean} on */
  function tell(on) {
    isOn = on;
    saidMs = on ? app.nowMs() : 0;
    void app.engine.call("setTyping", { room, on }).catch(() => undefined);
  }
  return {
    say() {
      if (app.nowMs() - saidMs >= AGAIN_AFTER_MS) tell(true);
    },
    stop() {
      if (isOn) tell(false);
    },
  };
}
