/**
 * The rows of opened conversations. A conversation holds one gapless stretch of its room's rows, sorted by `order`; pages
 * extend it at either end, events change rows inside it and add new ones at its newer end.
 */

/** @import { MessagePage, MessageRow } from "../session/types.js" */
/** @import { State } from "./state.js" */

/** @typedef {{ rows: readonly MessageRow[], hasOlder: boolean, hasNewer: boolean }} Conversation */
/** @typedef {Readonly<Record<string, Conversation>>} Conversations */

/** Rows kept and drawn at most: enough for several screens, few enough for a phone; the far end is paged in again. */
export const WINDOW_ROWS = 200;

/**
 * Show this page and nothing else of the room: on opening, and on a jump to elsewhere in it.
 * @param {State} state
 * @param {string} room
 * @param {MessagePage} page
 * @returns {State}
 */
export function pageOpened(state, room, page) {
  return withConversation(state, room, { ...page, rows: merge([], page.rows) });
}

/**
 * Extend the stretch towards the past; without effect when the room was closed meanwhile.
 * @param {State} state
 * @param {string} room
 * @param {MessagePage} page asked with `before` the first row
 * @returns {State}
 */
export function olderLoaded(state, room, page) {
  const known = state.messages[room];
  if (known === undefined) return state;
  const merged = merge(known.rows, page.rows);
  return withConversation(state, room, {
    rows: merged.slice(0, WINDOW_ROWS),
    hasOlder: page.hasOlder,
    hasNewer: known.hasNewer || merged.length > WINDOW_ROWS,
  });
}

/**
 * Extend the stretch towards the present; without effect when the room was closed meanwhile.
 * @param {State} state
 * @param {string} room
 * @param {MessagePage} page asked with `after` the last row
 * @returns {State}
 */
export function newerLoaded(state, room, page) {
  const known = state.messages[room];
  if (known === undefined) return state;
  const merged = merge(known.rows, page.rows);
  return withConversation(state, room, {
    rows: merged.slice(-WINDOW_ROWS),
    hasOlder: known.hasOlder || merged.length > WINDOW_ROWS,
    hasNewer: page.hasNewer,
  });
}

/**
 * Take the engine's `messages` event. While newer rows are not loaded, a new row does not belong to the stretch yet: only
 * rows already in it change.
 * @param {State} state
 * @param {{ room: string, rows: readonly MessageRow[], removed: readonly string[] }} change
 * @returns {State}
 */
export function rowsChanged(state, { room, rows, removed }) {
  const known = state.messages[room];
  if (known === undefined) return state;
  const first = known.rows[0]?.order ?? -Infinity;
  const have = new Set(known.rows.map((row) => row.key));
  const belongs = (/** @type {MessageRow} */ row) =>
    have.has(row.key) || (known.hasNewer ? false : !known.hasOlder || row.order >= first);
  const gone = new Set(removed);
  const kept = gone.size === 0 ? known.rows : known.rows.filter((row) => !gone.has(row.key));
  const merged = merge(kept, rows.filter(belongs));
  const dropped = known.hasNewer ? 0 : Math.max(0, merged.length - WINDOW_ROWS);
  return withConversation(state, room, {
    ...known,
    rows: merged.slice(dropped),
    hasOlder: known.hasOlder || dropped > 0,
  });
}

/**
 * Forget the decrypted rows of a room that is no longer on the screen.
 * @param {State} state
 * @param {string} room
 * @returns {State}
 */
export function roomClosed(state, room) {
  const { [room]: _, ...messages } = state.messages;
  return { ...state, messages };
}

/**
 * @param {State} state
 * @param {string} room
 * @param {Conversation} conversation
 * @returns {State}
 */
function withConversation(state, room, conversation) {
  return { ...state, messages: { ...state.messages, [room]: conversation } };
}

/**
 * @param {readonly MessageRow[]} known
 * @param {readonly MessageRow[]} incoming win over known rows of the same key
 * @returns {MessageRow[]} sorted; a row whose number arrived moves to its new place
 */
function merge(known, incoming) {
  const rows = new Map(known.map((row) => [row.key, row]));
  for (const row of incoming) rows.set(row.key, row);
  return [...rows.values()].sort((a, b) => a.order - b.order);
}
