/** Files of messages on their way down: found by their row, which says what became of them. */

import { AppError } from "../lib/errors.js";
import { readRow } from "../storage/messages.js";
import { toFile } from "./attachments.js";
import { openRow, storeRow } from "./rows.js";
import { emitProgress } from "./traffic.js";

/** @import { FileDown, Refused } from "./file-down.js" */
/** @import { Core } from "./model.js" */

/** @typedef {{ room: string, key: string, index: number }} Wanted */
/** @typedef {ReturnType<typeof createDownloads>} Downloads */

/**
 * @param {Core} core
 * @param {{ fileDown: FileDown, tellRow: (key: string) => Promise<void> }} parts
 */
export function createDownloads(core, { fileDown, tellRow }) {
  const { db } = core;

  /**
   * Throws: AppError("not_found").
   * @param {Wanted} wanted
   */
  const find = async ({ room, key, index }) => {
    const stored = await readRow(db, key);
    const record = stored?.room === room ? await openRow(core, stored) : undefined;
    const file = record?.files?.[index];
    if (file === undefined) throw new AppError("not_found");
    return file;
  };

  /**
   * @param {Wanted} wanted
   * @param {Refused} verdict
   */
  const refused = ({ key, index }, verdict) =>
    core.mutex.run(async () => {
      const stored = await readRow(db, key);
      const record = stored && (await openRow(core, stored));
      if (stored === undefined || record?.files === undefined) return;
      const files = record.files.map((each, i) => (i === index ? { ...each, verdict } : each));
      const row = await storeRow(core, { ...stored, record: { ...record, files } });
      await db.commit([row.change]);
    });

  return Object.freeze({
    /**
     * Throws: AppError "damaged", "wrong_sender" or "gone", which its row says from then on; "cancelled",
     * "disk_full", "not_found"; or what the network ended with.
     * @param {Wanted} wanted
     * @returns {Promise<File>} verified from the first byte to the last
     */
    async fetch(wanted) {
      const entry = await find(wanted);
      // What was refused for its sender is never opened.
      if (entry.verdict === "wrong-sender") throw new AppError("wrong_sender");
      return fileDown.fetch({
        entry,
        room: wanted.room,
        toFile: (content) => toFile(entry, content),
        tell: emitProgress(core, wanted),
        changed: () => tellRow(wanted.key),
        refused: (verdict) => refused(wanted, verdict),
      });
    },
    /** @param {Wanted} wanted */
    async cancel(wanted) {
      await fileDown.cancel((await find(wanted)).file_id);
    },
  });
}
