/**
 * Delivered and read: how far this account has come, told to the server, gathered.
 *
 * Only what was opened and understood counts as delivered (SEAL1 §6 row 25). A mark that could not be told
 * is told after the next connect, because the record of the room knows both sides of it.
 */

/** @import { ClientFrame } from "../protocol/frames.js" */
/** @import { Core } from "./model.js" */
/** @import { Rooms } from "./rooms.js" */

const GATHER_MS = 300;

/** @typedef {ReturnType<typeof createReceipts>} Receipts */

/**
 * @param {Core} core
 * @param {{ rooms: Rooms, send: (frame: ClientFrame) => boolean }} parts
 */
export function createReceipts(core, { rooms, send }) {
  /** @type {Set<string>} */
  const due = new Set();
  let waiting = false;

  /** @param {string} id */
  const tell = async (id) => {
    const room = rooms.get(id);
    if (room === undefined) return;
    const { told, deliveredSeq, readSeq } = room;
    let { delivered, read } = told;
    if (readSeq > read && send({ type: "message.read", room: id, seq: readSeq })) {
      read = readSeq;
      // To have read it is to have received it: one frame says both.
      delivered = Math.max(delivered, readSeq);
    }
    // A reader further up has received more than they have read.
    if (
      deliveredSeq > delivered &&
      send({ type: "message.delivered", room: id, seq: deliveredSeq })
    ) {
      delivered = deliveredSeq;
    }
    if (delivered > told.delivered || read > told.read) {
      await rooms.patch(id, { told: { delivered, read } });
    }
  };

  const flush = async () => {
    const ids = [...due];
    due.clear();
    for (const id of ids) await tell(id);
  };

  return Object.freeze({
    /** @param {string} id */
    touch(id) {
      due.add(id);
      if (waiting) return;
      waiting = true;
      void core.clock.sleep(GATHER_MS).then(async () => {
        waiting = false;
        await flush().catch((error) => core.log.warn("receipts.failed", { error }));
      });
    },
    /**
     * @param {string} id
     * @param {number} seq
     */
    async read(id, seq) {
      const room = rooms.require(id);
      const readSeq = Math.min(seq, room.lastSeq);
      if (readSeq <= room.readSeq) return;
      await rooms.patch(id, { readSeq });
      this.touch(id);
    },
    /** After a connect. */
    catchUp() {
      for (const { id } of rooms.all()) this.touch(id);
    },
  });
}
