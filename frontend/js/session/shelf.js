/**
 * Files of rooms that are on this device, as ciphertext: on their way up, on their way down, or kept.
 *
 * Whatever was written survives a reload, so a transfer goes on where it was. What is kept is bounded:
 * the file that nobody used for longest goes first, and never one that a message still has to bring.
 */

import { AppError } from "../lib/errors.js";
import { putFile, putPart, readFiles, readPart, removeFile } from "../storage/files.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { StoredFile } from "../storage/files.js" */
/** @import { Core } from "./model.js" */

const KEPT_BYTES = 1024 ** 3;

/** @typedef {ReturnType<typeof createShelf>} Shelf */

/**
 * @param {Pick<Core, "db" | "clock">} core
 * @param {{ isNeeded: (file: string) => boolean, keptBytes?: number }} options `isNeeded`: by a message
 *   that is on its way; `keptBytes` is given by tests only
 */
export function createShelf({ db, clock }, { isNeeded, keptBytes = KEPT_BYTES }) {
  /** @type {Map<string, StoredFile>} by id */
  const files = new Map();

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
    files.delete(file.file);
    await db.commit(removeFile(file));
  };

  /** @param {string} writing */
  const makeRoom = async (writing) => {
    let bytes = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
    const oldest = [...files.values()].sort((a, b) => a.used_ms - b.used_ms);
    for (const file of oldest) {
      if (bytes <= keptBytes) return;
      if (file.file === writing || isNeeded(file.file)) continue;
      bytes -= file.bytes;
      await drop(file);
    }
  };

  return Object.freeze({
    /** @param {(room: string) => boolean} isRoom files of rooms that are gone are removed */
    async load(isRoom) {
      for (const file of await readFiles(db)) {
        if (isRoom(file.room)) files.set(file.file, file);
        else await drop(file);
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
     * Throws: AppError("disk_full"), AppError("storage_failed"); then it is not there.
     * @param {{ room: string, file: string }} where
     * @param {Bytes} bytes
     */
    async append({ room, file }, bytes) {
      const before = files.get(file) ?? { room, file, parts: 0, bytes: 0, verified: false };
      const after = {
        ...before,
        parts: before.parts + 1,
        bytes: before.bytes + bytes.length,
        used_ms: clock.nowMs(),
      };
      await commit([putPart(after, before.parts, bytes), putFile(after)]);
      files.set(file, after);
      await makeRoom(file);
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
