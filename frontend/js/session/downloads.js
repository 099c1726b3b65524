/**
 * Files on their way down, and out of this device's keeping into the page's hands.
 *
 *     hashes ─▶ root ─▶ each part: hash ─▶ shelf ─▶ commitment, tags, padding ─▶ scratch ─▶ File
 *
 * A part is checked before it is kept, and decrypted only from there; the File is handed out when the last
 * byte has been verified, and never otherwise. Parts that were kept are not fetched again.
 */

import { fromBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { decryptFile } from "../crypto/cobblestone.js";
import { fileContext, verdictOf } from "../crypto/file-manifest.js";
import { unpadFile } from "../crypto/file-padding.js";
import { verifyPart, verifyPartList } from "../crypto/file-root.js";
import { RefusedError } from "../protocol/errors.js";
import { FILE_PART_BYTES } from "../protocol/limits.js";
import { readRow } from "../storage/messages.js";
import { toFile } from "./attachments.js";
import { openRow, storeRow } from "./rows.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileKey } from "../crypto/types.js" */
/** @import { FileCalls } from "../net/files.js" */
/** @import { Draft, Scratch } from "../storage/scratch.js" */
/** @import { Core, FileRecord } from "./model.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Moving, Transfers } from "./transfers.js" */

/** How many opened files the page can hold on to; a browser may be showing as many pictures. */
const OPENED = 64;

/** @typedef {{ room: string, key: string, index: number }} Wanted */
/** @typedef {{ room: string, draft: Draft, result: File }} Opened */
/** @typedef {ReturnType<typeof createDownloads>} Downloads */

/**
 * @param {Core} core
 * @param {{ calls: FileCalls, shelf: Shelf, transfers: Transfers, scratch: Scratch,
 *   tellRow: (key: string) => Promise<void> }} parts
 */
export function createDownloads(core, { calls, shelf, transfers, scratch, tellRow }) {
  const { db } = core;
  /** @type {Map<string, { room: string, abort: AbortController, result: Promise<File> }>} by file */
  const running = new Map();
  /** @type {Map<string, Opened>} by file, the one used last at the end */
  const opened = new Map();

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
   * @param {FileRecord} record
   * @param {Moving} moving
   * @param {AbortSignal} signal
   */
  const fetchParts = async ({ root, ct_size: sizeBytes }, moving, signal) => {
    const { room, file } = moving;
    transfers.set(file, "fetching");
    await tellRow(moving.key);
    const hashes = await transfers.persist(signal, () => calls.hashes(file, signal));
    const list = { sizeBytes, hashes };
    await verifyPartList(fromBase64url(root, 32), fromBase64url(file, 16), list);
    const count = Math.ceil(sizeBytes / FILE_PART_BYTES);
    for (let number = shelf.partsOf(file); number < count; number += 1) {
      const start = number * FILE_PART_BYTES;
      const end = Math.min(start + FILE_PART_BYTES, sizeBytes);
      transfers.progress(moving, start);
      const range = { start, end };
      const part = await transfers.persist(signal, () => calls.read(file, range, signal));
      await verifyPart(list, number, part);
      signal.throwIfAborted();
      await shelf.append({ room, file }, part);
    }
  };

  /**
   * @param {FileRecord} record
   * @returns {AsyncGenerator<Bytes, void>}
   */
  const kept = async function* ({ file_id: file, ct_size: sizeBytes }) {
    const count = Math.ceil(sizeBytes / FILE_PART_BYTES);
    for (let number = 0; number < count; number += 1) yield await shelf.part(file, number);
  };

  /**
   * @param {FileRecord} record
   * @param {string} room
   * @param {AbortSignal} signal
   */
  const open = async (record, room, signal) => {
    const file = record.file_id;
    const fileKey = /** @type {FileKey} */ (fromBase64url(record.key, 32));
    const context = fileContext(fromBase64url(file, 16));
    const draft = await scratch.open();
    try {
      const padded = decryptFile(fileKey, context, kept(record));
      for await (const piece of unpadFile(padded, record.size)) {
        signal.throwIfAborted();
        await draft.write(piece);
      }
      const result = toFile(record, await draft.finish());
      await shelf.keep(file);
      opened.set(file, { room, draft, result });
      return result;
    } catch (error) {
      await draft.discard();
      throw error;
    }
  };

  /** The page shows the newest; what it showed long ago is opened again when it asks. */
  const closeOldest = async () => {
    for (const [file, { draft }] of opened) {
      if (opened.size <= OPENED) return;
      opened.delete(file);
      await draft.discard();
    }
  };

  /**
   * @param {Wanted} wanted
   * @param {FileRecord} record
   * @param {AbortSignal} signal
   */
  const get = async (wanted, record, signal) => {
    const file = record.file_id;
    const moving = { ...wanted, file, totalBytes: record.size };
    try {
      // What is being sent is here; what was refused for its sender is never opened.
      if (record.verdict === "wrong-sender") throw new AppError("bad_signature");
      if (!shelf.isVerified(file)) {
        await transfers.inTurn(signal, () => fetchParts(record, moving, signal));
      }
      const result = await open(record, wanted.room, signal);
      if (transfers.status(file)?.state === "fetching") transfers.clear(file);
      await closeOldest();
      return result;
    } catch (error) {
      throw await refuse(wanted, record, signal.aborted ? signal.reason : error);
    } finally {
      running.delete(file);
      await tellRow(wanted.key);
    }
  };

  /**
   * @param {Wanted} wanted
   * @param {FileRecord} record
   * @param {unknown} error
   * @returns {Promise<unknown>} what the page is told
   */
  const refuse = async ({ key, index }, { file_id: file }, error) => {
    const verdict = refusalOf(error);
    if (verdict === null) {
      const code = error instanceof AppError ? error.code : "internal";
      if (code === "cancelled") transfers.clear(file);
      else transfers.set(file, "failed", code);
      return error;
    }
    transfers.clear(file);
    await shelf.remove(file);
    await core.mutex.run(async () => {
      const stored = await readRow(db, key);
      const record = stored && (await openRow(core, stored));
      if (stored === undefined || record?.files === undefined) return;
      const files = record.files.map((each, i) => (i === index ? { ...each, verdict } : each));
      const row = await storeRow(core, { ...stored, record: { ...record, files } });
      await db.commit([row.change]);
    });
    return new AppError(verdict.replace("-", "_"), "", { cause: error });
  };

  return Object.freeze({
    /**
     * Throws: AppError "damaged", "wrong_sender" or "gone", which its row says from then on; "cancelled",
     * "disk_full", "not_found"; or what the network ended with.
     * @param {Wanted} wanted
     * @returns {Promise<File>} verified from the first byte to the last
     */
    async fetch(wanted) {
      const record = await find(wanted);
      const file = record.file_id;
      const there = opened.get(file);
      if (there !== undefined) {
        opened.delete(file);
        opened.set(file, there);
        return there.result;
      }
      const before = running.get(file);
      if (before !== undefined) return before.result;
      const abort = new AbortController();
      const result = get(wanted, record, abort.signal);
      running.set(file, { room: wanted.room, abort, result });
      return result;
    },
    /** @param {Wanted} wanted */
    async cancel(wanted) {
      const run = running.get((await find(wanted)).file_id);
      run?.abort.abort(new AppError("cancelled"));
      await run?.result.catch(() => {});
    },
    /** @param {string} [room] all of them without it */
    stop(room) {
      const isOf = (/** @type {{ room: string }} */ each) =>
        room === undefined || each.room === room;
      for (const { abort } of [...running.values()].filter(isOf)) {
        abort.abort(new AppError("cancelled"));
      }
      for (const [file, { draft }] of [...opened].filter(([, each]) => isOf(each))) {
        opened.delete(file);
        void draft.discard();
      }
    },
  });
}

/**
 * @param {unknown} error
 * @returns {"damaged" | "wrong-sender" | "gone" | null} null for what says nothing about the file
 */
function refusalOf(error) {
  if (error instanceof RefusedError && error.code === "not_found") return "gone";
  const verdict = verdictOf(error);
  return verdict === "intact" ? null : verdict;
}
