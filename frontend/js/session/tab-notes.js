/** What the tabs of one browser write to each other, on a channel that only scripts of this origin have. */

/** @import { CallContext } from "./calls.js" */

const CHANNEL = "sealroom-engine";

/**
 * `here` and `leading` are said by the tab that has the lock, `here` while its engine starts.
 * @typedef {{ kind: "hello" | "here" | "leading", tab: string }
 *   | { kind: "call", tab: string, id: number, name: string, argument: unknown, context: CallContext }
 *   | { kind: "taken", to: string, id: number }
 *   | { kind: "result", to: string, id: number, value: unknown }
 *   | { kind: "failure", to: string, id: number, code: string }
 *   | { kind: "event", name: string, value: unknown }} Note
 */

/** @returns {BroadcastChannel} */
export function openChannel() {
  return new BroadcastChannel(CHANNEL);
}

/**
 * Still nothing is believed by its name alone.
 * @param {unknown} data
 * @returns {Note | null}
 */
export function readNote(data) {
  if (typeof data !== "object" || data === null) return null;
  const note = /** @type {Record<string, unknown>} */ (data);
  const has = (/** @type {string[]} */ ...names) =>
    names.every((name) => typeof note[name] === "string");
  const kind = `${note["kind"]}`;
  const isNumbered = Number.isSafeInteger(note["id"]);
  const isNote =
    (["hello", "here", "leading"].includes(kind) && has("tab")) ||
    (kind === "call" && has("tab", "name") && isNumbered && isContext(note["context"])) ||
    (["taken", "result"].includes(kind) && has("to") && isNumbered) ||
    (kind === "failure" && has("to", "code") && isNumbered) ||
    (kind === "event" && has("name"));
  return isNote ? /** @type {Note} */ (/** @type {unknown} */ (note)) : null;
}

/** @param {unknown} value */
function isContext(value) {
  const context = /** @type {Partial<CallContext> | null | undefined} */ (value);
  return typeof context?.tab === "string" && typeof context.msgId === "string";
}
