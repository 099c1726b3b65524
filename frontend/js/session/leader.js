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
 *
 * A phone puts a tab in the background to sleep with all that it holds. So the others listen for a sign of
 * life, and when it fails to come one of them takes the lock away; the sleeper learns of it when it wakes
 * up, and the database takes nothing from it any more.
 */

import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { randomBytes } from "../crypto/primitives.js";
import { readNote } from "./tab-notes.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { CallContext } from "./calls.js" */
/** @import { Note } from "./tab-notes.js" */

const LOCK = "sealroom-engine";
const BEAT_MS = 1_500; // how often the others ask for a sign of life, at most
const SILENT_BEATS = 2; // without an answer: the page says that it is connecting
const ASLEEP_BEATS = 4; // a busy engine answers sooner; taken for asleep, it costs a reload of its page
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
 * @param {{ locks: Pick<LockManager, "request" | "query">, channel: BroadcastChannel, clock: Clock,
 *   random: () => number, lead: Lead, onEvent: (name: string, value: unknown) => void,
 *   onDeposed: () => void }} environment
 *   `random`: from 0 to below 1; `onDeposed`: the lock was taken away, and nothing of this tab's engine may go on
 */
export function joinTabs({ locks, channel, clock, random, lead, onEvent, onDeposed }) {
  const tab = toBase64url(randomBytes(9));
  /** @type {Map<number, Pending>} */
  const pending = new Map();
  /** @type {Run | null} */
  let run = null;
  /** @type {string | null} */
  let leader = null;
  let lastId = 0;
  let holds = false;
  /** @type {string | undefined} */
  let holderId;
  let missed = 0;
  const queued = new AbortController();
  const gone = new AbortController();

  /** @param {Note} note */
  const post = (note) => {
    if (!gone.signal.aborted) channel.postMessage(note);
  };

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

  /** @returns {Promise<string | undefined>} the name that the browser has for whoever has the lock */
  const findHolder = async () => {
    const { held = [] } = await locks.query();
    return held.find(({ name }) => name === LOCK)?.clientId;
  };

  /** @param {Extract<Note, { kind: "call" }>} note */
  const serve = async ({ tab: to, id, name, argument, context }) => {
    // Who wakes up finds what was asked meanwhile, and another tab has done it.
    if (run === null || (await findHolder()) !== holderId || run === null) return;
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

  /** The tab that has the lock is awake. */
  const heard = () => {
    const wasSilent = missed > SILENT_BEATS;
    missed = 0;
    // What it told while it slept, or this tab did, may be lost.
    if (wasSilent) void callLeader("boot", {}).catch(() => {});
  };

  channel.onmessage = ({ data }) => {
    const note = readNote(data);
    if (note === null) return;
    if (note.kind === "hello") {
      if (holds) post({ kind: run === null ? "here" : "leading", tab });
      return;
    }
    if (note.kind === "call") {
      void serve(note);
      return;
    }
    heard();
    if ("to" in note && note.to !== tab) return;
    if (note.kind === "leading") follow(note.tab);
    if (note.kind === "event" && run === null) onEvent(note.name, note.value);
    if (note.kind === "result") take(note.id)?.resolve(note.value);
    if (note.kind === "failure") take(note.id)?.reject(new AppError(note.code));
    if (note.kind === "taken") {
      const call = pending.get(note.id);
      if (call !== undefined) call.taken = true;
    }
  };

  /** Let another tab lead; a closed tab does so by itself. */
  const leave = () => {
    run = null;
    queued.abort();
    gone.abort();
    channel.close();
  };

  /** With the lock, as long as this tab lives and nobody takes it away. */
  const hold = async () => {
    holds = true;
    post({ kind: "here", tab });
    holderId = await findHolder();
    const started = await lead((name, value) => {
      onEvent(name, value);
      post({ kind: "event", name, value });
    });
    if (gone.signal.aborted) return;
    run = started;
    leader = tab;
    post({ kind: "leading", tab });
    askAnew();
    await new Promise((resolve) => {
      gone.signal.addEventListener("abort", resolve);
    });
  };

  /** @param {LockOptions} options */
  const request = async (options) => {
    try {
      await locks.request(LOCK, { mode: "exclusive", ...options }, hold);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
      if (options.signal?.aborted) return; // given up, before the lock was there
      leave();
      onDeposed();
    }
  };

  /** Ask for a sign of life while another tab has the lock, and take the lock from one that gives none. */
  const listen = async () => {
    // Of several that wait one is the first, and the others hear of it.
    const beatMs = BEAT_MS * (1 + random() / 2);
    while (missed < ASLEEP_BEATS) {
      post({ kind: "hello", tab });
      missed += 1;
      if (missed > SILENT_BEATS) onEvent("connection", { status: "connecting" });
      await clock.sleep(beatMs, gone.signal).catch(() => {});
      if (holds || gone.signal.aborted) return;
    }
    queued.abort();
    await request({ steal: true });
  };

  void request({ signal: queued.signal });
  void listen();

  /**
   * @param {string} name
   * @param {unknown} argument
   * @returns {Promise<unknown>}
   */
  function callLeader(name, argument) {
    lastId += 1;
    const id = lastId;
    const context = { tab, msgId: toBase64url(randomBytes(16)) };
    return new Promise((resolve, reject) => {
      pending.set(id, { name, argument, context, taken: false, resolve, reject });
      ask(id);
    });
  }

  return Object.freeze({ call: callLeader, isLeading: () => run !== null, leave });
}
