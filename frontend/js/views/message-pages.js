/** @import { App } from "./types.js" */
/** @import { EngineCalls } from "../session/types.js" */
import {
  newerLoaded,
  olderLoaded,
  pageOpened,
  roomClosed,
  rowsChanged,
} from "../state/messages.js";
import { act } from "./act.js";

/** @typedef {Omit<EngineCalls["messages"][0], "room">} Where */

/**
 * Brings the rows of one room into the store, page by page, and takes them out at the end. A page that no longer fits,
 * because of a jump or a removed row, is dropped; what changed while the engine was reading is told again.
 * @param {App} app
 * @param {string} room
 */
export function messagePages(app, room) {
  let openings = 0;
  let isPaging = false;
  let isClosed = false;

  /**
   * @param {Where} where
   * @param {() => boolean} isWanted asked when the page is there
   * @param {typeof pageOpened} reducer
   * @returns {Promise<boolean>} false when there is no page, which has been said
   */
  async function load(where, isWanted, reducer) {
    /** @type {Parameters<typeof rowsChanged>[1][]} */
    const missed = [];
    const stop = app.engine.on("messages", (news) => news.room === room && missed.push(news));
    const loaded = await act(app, "messages", { room, ...where });
    stop();
    if (isClosed || loaded === null || !isWanted()) return loaded !== null;
    app.store.set(reducer, room, loaded);
    for (const news of missed) app.store.set(rowsChanged, news);
    return true;
  }

  /** @param {"older" | "newer"} direction */
  function edgeOf(direction) {
    const rows = app.store.get().messages[room]?.rows ?? [];
    return direction === "older" ? rows[0] : rows.at(-1);
  }

  return {
    /**
     * Show this page instead of what is there.
     * @param {Where} where
     */
    open(where) {
      const opening = ++openings;
      return load(where, () => opening === openings, pageOpened);
    },
    /**
     * Extend what is there; nothing while an extension is under way.
     * @param {"older" | "newer"} direction
     */
    async extend(direction) {
      const edge = edgeOf(direction);
      if (isPaging || edge === undefined) return;
      isPaging = true;
      const isOlder = direction === "older";
      const where = isOlder ? { before: edge.order } : { after: edge.order };
      const isWanted = () => edgeOf(direction)?.key === edge.key;
      await load(where, isWanted, isOlder ? olderLoaded : newerLoaded);
      isPaging = false;
    },
    close() {
      isClosed = true;
      app.store.set(roomClosed, room);
    },
  };
}
