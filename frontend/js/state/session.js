/**
 * Where somebody stands between "nobody here" and "the engine runs".
 *
 *     starting ── boot ──► welcome | expired | recovery | unlock | ready | unsupported | broken
 *     welcome, expired ── a step ──► code ──► recovery | unlock | ready
 *     recovery, unlock ── a step ──► recovery | ready
 *     anything ── signed out ──► welcome (with the reason, said once)
 */

/** @import { Boot, EngineEvents, Step } from "../session/types.js" */
/** @import { State } from "./state.js" */
import { INITIAL_STATE } from "./state.js";

/** @typedef {"sign-up" | "log-in" | "forgot-password"} Flow the screen that asked for a code */
/** @typedef {EngineEvents["signedOut"]["reason"]} SignedOutReason */
/**
 * @typedef {{ phase: "starting" }
 *   | { phase: "broken", code: string }
 *   | { phase: "unsupported", reason: string }
 *   | { phase: "welcome", reason: SignedOutReason | null, email: string }
 *   | { phase: "expired", email: string }
 *   | { phase: "code", flow: Flow, email: string, resendAtMs: number }
 *   | { phase: "recovery", recoveryCode: string }
 *   | { phase: "unlock" }
 *   | { phase: "ready" }} Session
 */

/**
 * @param {State} state
 * @param {Boot} boot
 * @returns {State} the same when nobody is here and the page has said so already
 */
export function booted(state, boot) {
  if (boot.phase === "welcome" && state.session.phase === "welcome") return state;
  const session = boot.phase === "welcome" ? welcome(null, "") : boot;
  return { ...state, session };
}

/**
 * The engine could not start at all.
 * @param {State} state
 * @param {string} code
 * @returns {State}
 */
export function broke(state, code) {
  return { ...state, session: { phase: "broken", code } };
}

/**
 * Go where the engine says after an account call.
 * @param {State} state
 * @param {Step} step
 * @param {{ flow: Flow, email: string, nowMs: number }} asked
 * @returns {State}
 */
export function stepped(state, step, { flow, email, nowMs }) {
  switch (step.step) {
    case "code":
      return {
        ...state,
        session: { phase: "code", flow, email, resendAtMs: nowMs + step.resendAfterMs },
      };
    case "recovery":
      return { ...state, session: { phase: "recovery", recoveryCode: step.recoveryCode } };
    case "unlock":
    case "ready":
      return { ...state, session: { phase: step.step } };
  }
}

/**
 * A code was sent once more.
 * @param {State} state
 * @param {number} resendAtMs when the next one may be asked for
 * @returns {State}
 */
export function resent(state, resendAtMs) {
  if (state.session.phase !== "code") return state;
  return { ...state, session: { ...state.session, resendAtMs } };
}

/**
 * Back from the code to the screen that asked for it, to correct the address.
 * @param {State} state
 * @returns {State}
 */
export function steppedBack(state) {
  const { session } = state;
  return { ...state, session: welcome(null, session.phase === "code" ? session.email : "") };
}

/**
 * Forget everything about the person who was here.
 * @param {State} state
 * @param {SignedOutReason} reason
 * @returns {State}
 */
export function signedOut(state, reason) {
  return {
    ...INITIAL_STATE,
    connection: state.connection,
    session: welcome(reason, ""),
  };
}

/**
 * @param {SignedOutReason | null} reason
 * @param {string} email what was typed before, "" when nothing
 * @returns {Session}
 */
function welcome(reason, email) {
  return { phase: "welcome", reason, email };
}

/**
 * @param {Session} session
 * @returns {string} the address to begin a form with
 */
export function knownEmail(session) {
  return "email" in session ? session.email : "";
}
