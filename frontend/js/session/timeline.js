/** What the page is told of conversations: rows that are new, changed or gone, and sentences of ours. */

import { readRow } from "../storage/messages.js";
import { openRow, storeNotice, toMessageRow } from "./rows.js";

/** @import { Core } from "./model.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { MessageRow, SystemNotice } from "./types.js" */

/** @typedef {ReturnType<typeof createTimeline>} Timeline */

/**
 * @param {Core} core
 * @param {{ rooms: () => Rooms, life: AbortSignal, onChange: (room: string) => void }} parts
 */
export function createTimeline(core, { rooms, life, onChange }) {
  /**
   * @param {string} room
   * @param {MessageRow[]} rows
   * @param {string[]} [removed] keys
   */
  const show = (room, rows, removed = []) => {
    if (rows.length + removed.length > 0) core.emit("messages", { room, rows, removed });
    onChange(room);
  };

  return Object.freeze({
    show,
    /** @param {string} key of a row that is to be shown anew */
    async showAgain(key) {
      if (life.aborted) return;
      const stored = await readRow(core.db, key);
      const room = stored && rooms().get(stored.room);
      if (stored === undefined || room === undefined) return;
      show(room.id, [toMessageRow(core, room, stored, await openRow(core, stored))]);
    },
    /**
     * A sentence of ours at the end of the conversation with a person, if there is one.
     * @param {string} user
     * @param {SystemNotice} notice
     */
    say: (user, notice) =>
      core.mutex.run(async () => {
        const room = rooms().withPeer(user);
        if (room === undefined) return;
        const what = { after: room.cursor, notice };
        const { stored, record, change } = await storeNotice(core, room, what);
        await core.db.commit([change]);
        show(room.id, [toMessageRow(core, room, stored, record)]);
      }),
  });
}
