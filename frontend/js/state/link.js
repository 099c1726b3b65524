/** What the page of a link knows; pure. */

/** @import { LinkContent, LinkFile } from "../session/link-types.js" */

/**
 * stalled: the network is away, it goes on by itself. done: verified and handed over.
 * @typedef {"waiting" | "moving" | "stalled" | "done" | "damaged" | "gone" | "failed"} LinkItemState
 */
/** @typedef {LinkFile & { state: LinkItemState, doneBytes: number, failure: string | null }} LinkItem */
/**
 * broken: a part of the address is missing or wrong. reopen: the page was loaded anew, and nothing of the
 * link is kept. gone: run out, withdrawn, or never there. newer: of a later version. damaged: not what its
 * sender made. failed: for the reason in `code`, and it may work next time.
 * @typedef {"broken" | "reopen" | "gone" | "newer" | "damaged" | "failed"} Halt
 */
/**
 * `ending` is why nothing more can be fetched although the link was open.
 * @typedef {object} LinkState
 * @property {"loading" | "passphrase" | "ready" | Halt} phase
 * @property {string | null} code
 * @property {boolean} isWrong the passphrase that was tried
 * @property {LinkContent | null} content
 * @property {readonly LinkItem[]} items
 * @property {"gone" | "used_up" | null} ending
 */

/** @type {LinkState} */
export const INITIAL_LINK = Object.freeze({
  phase: "loading",
  code: null,
  isWrong: false,
  content: null,
  items: [],
  ending: null,
});

/** @type {Readonly<Record<string, Halt>>} */
const HALTS = Object.freeze({
  malformed: "broken",
  bad_link: "broken",
  not_found: "gone",
  unsupported: "newer",
  damaged: "damaged",
});

/** @returns {LinkState} before anything is known */
export function began() {
  return INITIAL_LINK;
}

/**
 * @param {LinkState} state
 * @param {boolean} isWrong
 * @returns {LinkState}
 */
export function passphraseNeeded(state, isWrong) {
  return { ...state, phase: "passphrase", isWrong };
}

/**
 * @param {LinkState} state
 * @returns {LinkState} the address says nothing, although this tab had the link before
 */
export function loadedAnew(state) {
  return { ...state, phase: "reopen" };
}

/**
 * @param {LinkState} state
 * @param {string} code
 * @returns {LinkState}
 */
export function halted(state, code) {
  return { ...state, phase: HALTS[code] ?? "failed", code };
}

/**
 * @param {LinkState} state
 * @param {LinkContent} content
 * @param {boolean} hasBegun whether this tab has begun to download it before, so that it counts no more
 * @returns {LinkState}
 */
export function opened(state, { downloadsLeft: left, ...content }, hasBegun) {
  const downloadsLeft = hasBegun ? null : left;
  /** @type {LinkItem[]} */
  const items = content.files.map((file) => ({
    ...file,
    state: "waiting",
    doneBytes: 0,
    failure: null,
  }));
  const ending = downloadsLeft === 0 ? "used_up" : null;
  return { ...state, phase: "ready", content: { ...content, downloadsLeft }, items, ending };
}

/**
 * @param {LinkState} state
 * @param {number} index
 * @returns {LinkState}
 */
export function fetching(state, index) {
  return changed(state, index, { state: "moving", doneBytes: 0, failure: null });
}

/**
 * @param {LinkState} state
 * @param {{ index: number, doneBytes: number }} progress
 * @returns {LinkState}
 */
export function progressed(state, { index, doneBytes }) {
  return isFetching(state.items[index])
    ? changed(state, index, { state: "moving", doneBytes })
    : state;
}

/**
 * @param {LinkState} state
 * @param {{ index: number }} which
 * @returns {LinkState}
 */
export function stalled(state, { index }) {
  return isFetching(state.items[index]) ? changed(state, index, { state: "stalled" }) : state;
}

/**
 * @param {LinkState} state
 * @param {number} index
 * @returns {LinkState}
 */
export function fetched(state, index) {
  return changed(state, index, { state: "done" });
}

/**
 * @param {LinkState} state
 * @param {number} index
 * @param {string} code
 * @returns {LinkState}
 */
export function fetchEnded(state, index, code) {
  if (code === "cancelled") return changed(state, index, { state: "waiting" });
  if (code === "damaged") return changed(state, index, { state: "damaged" });
  if (code === "not_found") {
    return { ...changed(state, index, { state: "gone" }), ending: "gone" };
  }
  const next = changed(state, index, { state: "failed", failure: code });
  return code === "used_up" ? { ...next, ending: "used_up" } : next;
}

/** @param {LinkItem | undefined} item */
export function isFetching(item) {
  return item?.state === "moving" || item?.state === "stalled";
}

/**
 * @param {LinkState} state
 * @returns {number[]} what can be fetched now
 */
export function fetchable({ items, ending }) {
  if (ending !== null) return [];
  return [...items.keys()].filter((index) =>
    ["waiting", "failed"].includes(items[index]?.state ?? ""),
  );
}

/**
 * @param {LinkState} state
 * @param {number} index
 * @param {Partial<LinkItem>} change
 * @returns {LinkState}
 */
function changed(state, index, change) {
  const items = state.items.map((item, i) => (i === index ? { ...item, ...change } : item));
  return { ...state, items };
}
