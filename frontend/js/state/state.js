/**
 * What the page knows: the engine's slices as they were last sent, and where the account screens stand.
 */

/** @import { Connection, Me, People, RoomItem, TransferLists } from "../session/types.js" */
/** @import { Session } from "./session.js" */
/** @import { Conversations } from "./messages.js" */

/**
 * `null` means not sent yet: show a skeleton, not an empty state.
 * @typedef {object} State
 * @property {Session} session
 * @property {Me | null} me
 * @property {Connection} connection
 * @property {People | null} people
 * @property {RoomItem[] | null} rooms newest activity first
 * @property {TransferLists} transfers newest first
 * @property {Conversations} messages the rows of rooms that have been opened, by room id
 */

/** @type {State} */
export const INITIAL_STATE = Object.freeze({
  session: { phase: "starting" },
  me: null,
  // Until the engine says otherwise no banner is shown.
  connection: { status: "online", retryAtMs: null },
  people: null,
  rooms: null,
  transfers: null,
  messages: {},
});

/**
 * Take one slice as the engine sent it.
 * @template {"me" | "connection" | "people" | "rooms" | "transfers"} Name
 * @param {State} state
 * @param {Name} name
 * @param {State[Name]} value
 * @returns {State}
 */
export function replaceSlice(state, name, value) {
  return { ...state, [name]: value };
}
