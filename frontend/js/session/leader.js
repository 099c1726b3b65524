/**
 * One engine for all tabs: the tab whose worker holds the lock leads, the others pass their calls on.
 *
 *     tab ─call─▶ own worker ─┬─ leads ─▶ engine
 *                             └─ BroadcastChannel ─▶ leading worker ─▶ engine
 *
 * When the leading tab goes, the browser gives the lock to another one, which starts an engine on the
 * same database within moments. A call that was under way then is made again when doing it twice is the
 * same as doing it once (a message carries its id from the tab that wrote it), and fails with
 * "unavailable" otherwise.
 */

import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { randomBytes } from "../crypto/primitives.js";

/** @import { CallContext } from "./calls.js" */

const LOCK = "sealroom-engine";
const CHANNEL = "sealroom-engine";
/** Calls that must not be made a second time without asking. */
const ONCE = new Set([
  "signUp",
  "logIn",
  "resendCode",
  "submitCode",
  "unlockWithRecovery",
  "startNewIdentity",
  "forgotPassword",
  "resetPassword",
  "changePassword",
  "newRecoveryCode",
  "removeDevice",
]);

/** @typedef {(name: string, argument: unknown, context: CallContext) => Promise<unknown>} Run */
/** @typedef {(emit: (name: string, value: unknown) => void) => Promise<Run>} Lead starts an engine */
/**
 * @typedef {object} Pending
 * @property {string} name
 * @property {unknown} argument
 * @property {CallContext} context
 * @property {boolean} taken the leader has begun with it
 * @property {(value: unknown) => void} resolve
 * @property {(error: unknown) => void} reject
 */
/**
 * @typedef {{ kind: "hello", tab: string } | { kind: "leading", tab: string }
 *   | { kind: "call", tab: string, id: number, name: string, argument: unknown, context: CallContext }
 *   | { kind: "taken", to: string, id: number }
 *   | { kind: "result", to: string, id: number, value: unknown }
 *   | { kind: "failure", to: string, id: number, code: string }
 *   | { kind: "event", name: string, value: unknown }} Note between tabs
 */

/**
 * @param {{ locks: Pick<LockManager, "request">, channel: BroadcastChannel, lead: Lead,
 *   onEvent: (name: string, value: unknown) => void }} environment
 */
export function joinTabs({ locks, channel, lead, onEvent }) {
  const tab = toBase64url(randomBytes(9));
  /** @type {Map<number, Pending>} */
  const pending = new Map();
  /** @type {Run | null} */
  let run = null;
  /** @type {string | null} */
  let leader = null;
  let lastId = 0;
  /** @type {() => void} */
  let release = () => {};

  /** @param {Note} note */
  const post = (note) => channel.postMessage(note);

  /** @param {number} id */
  const ask = (id) => {
    const call = pending.get(id);
    if (call === undefined) return;
    const { name, argument, context } = call;
    if (run === null) {
      if (leader !== null) post({ kind: "call", tab, id, name, argument, context });
      return;
    }
    pending.delete(id);
    run(name, argument, context).then(call.resolve, call.reject);
  };

  /** Somebody else leads now: what was begun and must not be repeated has failed. */
  const askAnew = () => {
    for (const [id, call] of pending) {
      if (call.taken && ONCE.has(call.name)) {
        pending.delete(id);
        call.reject(new AppError("unavailable", "the leading tab was closed"));
      } else {
        call.taken = false;
        ask(id);
      }
    }
  };

  /** @param {Extract<Note, { kind: "call" }>} note */
  const serve = async ({ tab: to, id, name, argument, context }) => {
    if (run === null) return;
    post({ kind: "taken", to, id });
    try {
      post({ kind: "result", to, id, value: await run(name, argument, context) });
    } catch (error) {
      const code = error instanceof AppError ? error.code : "internal";
      post({ kind: "failure", to, id, code });
    }
  };

  /** @param {string} next */
  const follow = (next) => {
    if (leader === next || run !== null) return;
    leader = next;
    askAnew();
  };

  /** @param {number} id */
  const take = (id) => {
    const call = pending.get(id);
    pending.delete(id);
    return call;
  };

  channel.onmessage = ({ data }) => {
    const note = readNote(data);
    if (note === null) return;
    if ("to" in note && note.to !== tab) return;
    if (note.kind === "hello" && run !== null) post({ kind: "leading", tab });
    if (note.kind === "leading") follow(note.tab);
    if (note.kind === "call") void serve(note);
    if (note.kind === "event" && run === null) onEvent(note.name, note.value);
    if (note.kind === "result") take(note.id)?.resolve(note.value);
    if (note.kind === "failure") take(note.id)?.reject(new AppError(note.code));
    if (note.kind === "taken") {
      const call = pending.get(note.id);
      if (call !== undefined) call.taken = true;
    }
  };

  void locks.request(LOCK, { mode: "exclusive" }, async () => {
    run = await lead((name, value) => {
      onEvent(name, value);
      post({ kind: "event", name, value });
    });
    leader = tab;
    post({ kind: "leading", tab });
    askAnew();
    await new Promise((resolve) => {
      release = () => resolve(undefined);
    });
  });
  post({ kind: "hello", tab });

  return Object.freeze({
    /**
     * @param {string} name
     * @param {unknown} argument
     * @returns {Promise<unknown>}
     */
    call(name, argument) {
      lastId += 1;
      const id = lastId;
      const context = { tab, msgId: toBase64url(randomBytes(16)) };
      return new Promise((resolve, reject) => {
        pending.set(id, { name, argument, context, taken: false, resolve, reject });
        ask(id);
      });
    },
    isLeading: () => run !== null,
    /** Let another tab lead; a closed tab does so by itself. */
    leave() {
      run = null;
      release();
      channel.close();
    },
  });
}

/** @returns {BroadcastChannel} */
export function openChannel() {
  return new BroadcastChannel(CHANNEL);
}

/**
 * Only scripts of this origin can write to the channel; still nothing is believed by its name alone.
 * @param {unknown} data
 * @returns {Note | null}
 */
function readNote(data) {
  if (typeof data !== "object" || data === null) return null;
  const note = /** @type {Record<string, unknown>} */ (data);
  const has = (/** @type {string[]} */ ...names) =>
    names.every((name) => typeof note[name] === "string");
  const isNumbered = Number.isSafeInteger(note["id"]);
  const isNote =
    ((note["kind"] === "hello" || note["kind"] === "leading") && has("tab")) ||
    (note["kind"] === "call" && has("tab", "name") && isNumbered && isContext(note["context"])) ||
    ((note["kind"] === "taken" || note["kind"] === "result") && has("to") && isNumbered) ||
    (note["kind"] === "failure" && has("to", "code") && isNumbered) ||
    (note["kind"] === "event" && has("name"));
  return isNote ? /** @type {Note} */ (/** @type {unknown} */ (note)) : null;
}

/** @param {unknown} value */
function isContext(value) {
  const context = /** @type {Partial<CallContext> | null | undefined} */ (value);
  return typeof context?.tab === "string" && typeof context.msgId === "string";
}
