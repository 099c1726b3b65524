/**
 * The rows of opened conversations. A conversation holds one gapless stretch of its room's rows, sorted by `order`; pages
 * extend it at either end, events change rows inside it and add new ones at its newer end.
 */

/** @import { MessagePage, MessageRow } from "../session/types.js" */
/** @import { State } from "./state.js" */

/**
 * `follows`: the reader is at the newest row, so the stretch moves on with it.
 * @typedef {{ rows: readonly MessageRow[], hasOlder: boolean, hasNewer: boolean, follows: boolean }} Conversation
 */
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
  return withConversation(state, room, {
    ...page,
    rows: merge([], page.rows),
    follows: !page.hasNewer,
  });
}

/**
 * The reader has come to the newest row, or left it.
 * @param {State} state
 * @param {string} room
 * @param {boolean} follows
 * @returns {State}
 */
export function readerMoved(state, room, follows) {
  const known = state.messages[room];
  if (known === undefined || known.follows === follows) return state;
  return withConversation(state, room, { ...known, follows });
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
    ...known,
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
    ...known,
    rows: merged.slice(-WINDOW_ROWS),
    hasOlder: known.hasOlder || merged.length > WINDOW_ROWS,
    hasNewer: page.hasNewer,
  });
}

/**
 * Take the engine's `messages` event. A full stretch gives up its far end: the oldest rows while the reader follows, else
 * the new ones, which are paged in when the reader comes down to them; what is being read stays where it is.
 * @param {State} state
 * @param {{ room: string, rows: readonly MessageRow[], removed: readonly string[] }} change
 * @returns {State}
 */
export function rowsChanged(state, { room, rows, removed }) {
  const known = state.messages[room];
  if (known === undefined) return state;
  const gone = new Set(removed);
  const kept = known.rows.filter((row) => !gone.has(row.key));
  if (known.hasNewer) return withConversation(state, room, changedInside(known, kept, rows));
  const first = known.rows[0]?.order ?? -Infinity;
  const have = new Set(kept.map((row) => row.key));
  const isOurs = (/** @type {MessageRow} */ row) =>
    have.has(row.key) || !known.hasOlder || row.order >= first;
  const merged = merge(kept, rows.filter(isOurs));
  const over = Math.max(0, merged.length - WINDOW_ROWS);
  return withConversation(state, room, {
    ...known,
    rows: known.follows ? merged.slice(over) : merged.slice(0, WINDOW_ROWS),
    hasOlder: known.hasOlder || (known.follows && over > 0),
    hasNewer: !known.follows && over > 0,
  });
}

/**
 * While newer rows are not loaded, only rows of the stretch change. One that got its number leaves it: rows that are not
 * here may stand before its new place, and paging brings it back among them.
 * @param {Conversation} known
 * @param {readonly MessageRow[]} kept
 * @param {readonly MessageRow[]} changed
 * @returns {Conversation}
 */
function changedInside(known, kept, changed) {
  const news = new Map(changed.map((row) => [row.key, row]));
  const rows = kept
    .map((row) => ({ before: row, now: news.get(row.key) ?? row }))
    .filter(({ before, now }) => before.order === now.order)
    .map(({ now }) => now);
  return { ...known, rows };
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
