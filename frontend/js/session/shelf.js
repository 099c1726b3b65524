/**
 * Files of rooms and transfers that are on this device, as ciphertext: on their way up, on their way down, or kept.
 *
 * Whatever was written survives a reload, so a transfer goes on where it was. What is kept is bounded: the
 * file that nobody used for longest goes first; never the one used last, one that is being encrypted, sent
 * or fetched, or one that a message or a transfer still has to bring.
 */

import { AppError } from "../lib/errors.js";
import { leaveBehind } from "../lib/garbage.js";
import { putFile, putPart, readFiles, readPart, removeFile } from "../storage/files.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { StoredFile } from "../storage/files.js" */
/** @import { Core } from "./model.js" */

/** @typedef {ReturnType<typeof createShelf>} Shelf */

/**
 * @param {Pick<Core, "db" | "clock">} core
 * @param {{ isNeeded: (file: string) => boolean, keptBytes: number }} options `isNeeded`: by what waits to
 *   be sent; `keptBytes`: of what nobody needs
 */
export function createShelf({ db, clock }, { isNeeded, keptBytes }) {
  /** @type {Map<string, StoredFile>} by id */
  const files = new Map();
  /** @type {Map<string, number>} by how many a file is used now */
  const uses = new Map();

  /** @param {readonly Change[]} changes */
  const commit = async (changes) => {
    try {
      await db.commit(changes);
    } catch (error) {
      throw isDiskFull(error) ? new AppError("disk_full") : error;
    }
  };

  /** @param {StoredFile} file */
  const drop = async (file) => {
    files.delete(file.file); // first: whoever comes for it meanwhile begins anew
    await db.commit(removeFile(file));
  };

  const makeRoom = async () => {
    let bytes = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
    const oldest = [...files.values()].sort((a, b) => a.used_ms - b.used_ms);
    for (const file of oldest.slice(0, -1)) {
      if (bytes <= keptBytes) return;
      if (uses.has(file.file) || isNeeded(file.file)) continue;
      bytes -= file.bytes;
      await drop(file);
    }
  };

  /**
   * @param {string} file
   * @param {1 | -1} change
   */
  const count = (file, change) => {
    const now = (uses.get(file) ?? 0) + change;
    if (now === 0) uses.delete(file);
    else uses.set(file, now);
  };

  return Object.freeze({
    /** @param {(room: string) => boolean} isRoom or transfer; files of those that are gone are removed */
    async load(isRoom) {
      for (const file of await readFiles(db)) {
        if (isRoom(file.room)) files.set(file.file, file);
        else await drop(file);
      }
      await makeRoom();
    },
    /**
     * Nothing takes these files away while the work goes on, here yet or not.
     *
     * Throws: what the work throws.
     * @template Result
     * @param {readonly string[]} ids of files
     * @param {() => Promise<Result>} work
     * @returns {Promise<Result>}
     */
    async using(ids, work) {
      for (const file of ids) count(file, 1);
      try {
        return await work();
      } finally {
        for (const file of ids) count(file, -1);
        // What cannot be removed now goes with the next start.
        await makeRoom().catch(() => {});
      }
    },
    /**
     * @param {string} file
     * @returns {number} how many parts are here, from the first one on
     */
    partsOf: (file) => files.get(file)?.parts ?? 0,
    /** @param {string} file */
    isVerified: (file) => files.get(file)?.verified ?? false,
    /**
     * Add the next part, durably.
     *
     * Throws: AppError("disk_full"), AppError("storage_failed"), AppError("gone") when the part before it
     * is not here any more; then it is not there.
     * @param {{ room: string, file: string, number: number }} where `number`: of the part, from 0
     * @param {Bytes} bytes
     */
    async append({ room, file, number }, bytes) {
      const before = files.get(file) ?? { room, file, parts: 0, bytes: 0, verified: false };
      if (number !== before.parts) throw new AppError("gone", "the part before");
      const after = {
        ...before,
        parts: before.parts + 1,
        bytes: before.bytes + bytes.length,
        used_ms: clock.nowMs(),
      };
      await commit([putPart(after, number, bytes), putFile(after)]);
      files.set(file, after);
      await makeRoom();
    },
    /**
     * Throws: AppError("gone") when it is not here.
     * @param {string} file
     * @param {number} number from 0
     * @returns {Promise<Bytes>}
     */
    async part(file, number) {
      const stored = files.get(file);
      const bytes = stored === undefined ? null : await readPart(db, stored, number);
      if (bytes === null) throw new AppError("gone");
      leaveBehind(bytes.length);
      return bytes;
    },
    /**
     * The file is whole and was read to its end.
     * @param {string} file
     */
    async keep(file) {
      const stored = files.get(file);
      if (stored === undefined) return;
      const after = { ...stored, verified: true, used_ms: clock.nowMs() };
      await commit([putFile(after)]);
      files.set(file, after);
      await makeRoom();
    },
    /** @param {string} file */
    async remove(file) {
      const stored = files.get(file);
      if (stored !== undefined) await drop(stored);
    },
    /**
     * Its files were removed with it.
     * @param {string} room
     */
    forgetRoom(room) {
      for (const file of [...files.values()].filter((each) => each.room === room)) {
        files.delete(file.file);
      }
    },
  });
}

/** @param {unknown} error */
function isDiskFull(error) {
  const cause = error instanceof AppError ? error.cause : null;
  return cause instanceof DOMException && cause.name === "QuotaExceededError";
}
