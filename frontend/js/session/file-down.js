/**
 * One file on its way down, wherever it belongs, and out of this device's keeping into the page's hands.
 *
 *     hashes ─▶ root ─▶ each part: hash ─▶ shelf ─▶ commitment, tags, padding ─▶ scratch ─▶ File
 *
 * A part is checked before it is kept, and decrypted only from there; the File is handed out when the last
 * byte has been verified, and never otherwise. Parts that were kept are not fetched again.
 */

import { AppError } from "../lib/errors.js";
import { verdictOf } from "../crypto/file-manifest.js";
import { unpadFile } from "../crypto/file-padding.js";
import { isRefused } from "../protocol/errors.js";
import { checkedParts } from "./checked-parts.js";
import { openKept } from "./kept-content.js";

/** @import { FileEntry } from "../crypto/file-manifest.js" */
/** @import { FileCalls } from "../net/files.js" */
/** @import { Draft, Scratch } from "../storage/scratch.js" */
/** @import { Source } from "./checked-parts.js" */
/** @import { Core } from "./model.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Tell, Traffic } from "./traffic.js" */

/** What the page can hold on to: as many pictures as a browser may be showing, and so much of the disk. */
const OPENED = 64;
const OPENED_BYTES = 1024 ** 3;
const COPYING_MS = 60_000; // how long a browser may take to copy a file that it was told to save

/** @typedef {"damaged" | "wrong-sender" | "gone"} Refused */
/**
 * @typedef {object} Wanted
 * @property {Pick<FileEntry, "file_id" | "key" | "size" | "ct_size" | "root">} entry
 * @property {string} room or transfer that it belongs to
 * @property {(content: Blob) => File} toFile what is handed out
 * @property {Tell} tell
 * @property {() => Promise<void>} changed the page is to see its state anew
 * @property {(verdict: Refused) => Promise<void>} refused it is so from now on, and nothing of it is kept
 */
/** @typedef {{ room: string, draft: Draft, result: File, handedMs: number }} Opened */
/** @typedef {ReturnType<typeof createFileDown>} FileDown */

/**
 * @param {Pick<Core, "clock">} core
 * @param {{ calls: Pick<FileCalls, "hashes" | "read">, shelf: Shelf, traffic: Traffic,
 *   scratch: Scratch }} parts
 */
export function createFileDown({ clock }, { calls, shelf, traffic, scratch }) {
  /** @type {Map<string, { room: string, abort: AbortController, result: Promise<File> }>} by file */
  const running = new Map();
  /** @type {Map<string, Opened>} by file, the one used last at the end */
  const opened = new Map();

  /**
   * @param {Wanted} wanted
   * @param {AbortSignal} signal
   */
  const fetchParts = async ({ entry, room, tell, changed }, signal) => {
    const { file_id: file, size: totalBytes } = entry;
    traffic.set(file, "fetching");
    await changed();
    /** @type {Source} */
    const source = {
      hashes: () => traffic.persist(signal, () => calls.hashes(file, signal)),
      read: (range) => traffic.persist(signal, () => calls.read(file, range, signal)),
      asking: (bytes) => traffic.progress({ file, totalBytes, tell }, bytes),
    };
    let number = shelf.partsOf(file);
    for await (const part of checkedParts(entry, source, number)) {
      signal.throwIfAborted();
      await shelf.append({ room, file, number }, part);
      number += 1;
    }
  };

  /**
   * @param {Wanted} wanted
   * @param {AbortSignal} signal
   */
  const open = async ({ entry, room, toFile }, signal) => {
    const file = entry.file_id;
    const draft = await scratch.open();
    try {
      for await (const piece of unpadFile(openKept(shelf, entry), entry.size)) {
        signal.throwIfAborted();
        await draft.write(piece);
      }
      const result = toFile(await draft.finish());
      await shelf.keep(file);
      handOut(file, { room, draft, result, handedMs: 0 });
      return result;
    } catch (error) {
      await draft.discard();
      throw error;
    }
  };

  /**
   * @param {string} file
   * @param {Opened} there
   */
  const handOut = (file, there) => {
    opened.delete(file);
    opened.set(file, { ...there, handedMs: clock.nowMs() });
    void clock
      .sleep(COPYING_MS)
      .then(closeOldest)
      .catch(() => {}); // what is left over goes with the next start
  };

  /** The page shows the newest; what it showed long ago is opened again when it asks. */
  const closeOldest = async () => {
    const copiedMs = clock.nowMs() - COPYING_MS;
    let bytes = [...opened.values()].reduce((sum, { result }) => sum + result.size, 0);
    for (const [file, { draft, result, handedMs }] of [...opened].slice(0, -1)) {
      const isFew = opened.size <= OPENED && bytes <= OPENED_BYTES;
      if (isFew || handedMs > copiedMs) return;
      bytes -= result.size;
      opened.delete(file);
      await draft.discard();
    }
  };

  /**
   * @param {Wanted} wanted
   * @param {AbortSignal} signal
   */
  const get = async (wanted, signal) => {
    const { file_id: file, size: sizeBytes } = wanted.entry;
    try {
      const result = await shelf.using([file], async () => {
        // What is being sent is here.
        if (!shelf.isVerified(file)) {
          traffic.set(file, "queued");
          await wanted.changed();
          await traffic.down.run({ sizeBytes, signal }, () => fetchParts(wanted, signal));
        }
        return open(wanted, signal);
      });
      if (traffic.status(file)?.state === "fetching") traffic.clear(file);
      return result;
    } catch (error) {
      throw await refuse(wanted, signal.aborted ? signal.reason : error);
    } finally {
      running.delete(file);
      await wanted.changed();
    }
  };

  /**
   * @param {Wanted} wanted
   * @param {unknown} error
   * @returns {Promise<unknown>} what the page is told
   */
  const refuse = async ({ entry: { file_id: file }, refused }, error) => {
    const verdict = refusalOf(error);
    if (verdict === null) {
      const code = error instanceof AppError ? error.code : "internal";
      if (code === "cancelled") traffic.clear(file);
      else traffic.set(file, "failed", code);
      return error;
    }
    traffic.clear(file);
    await shelf.remove(file);
    await refused(verdict);
    return new AppError(verdict.replace("-", "_"), "", { cause: error });
  };

  return Object.freeze({
    /**
     * Throws: AppError "damaged", "wrong_sender" or "gone"; "cancelled", "disk_full"; or what the network
     * ended with.
     * @param {Wanted} wanted
     * @returns {Promise<File>} verified from the first byte to the last
     */
    async fetch(wanted) {
      const { entry, room } = wanted;
      const file = entry.file_id;
      const there = opened.get(file);
      if (there !== undefined) {
        handOut(file, there);
        return there.result;
      }
      const before = running.get(file);
      if (before !== undefined) return before.result;
      const abort = new AbortController();
      const result = get(wanted, abort.signal);
      running.set(file, { room, abort, result });
      return result;
    },
    /** @param {string} file */
    async cancel(file) {
      const run = running.get(file);
      run?.abort.abort(new AppError("cancelled"));
      await run?.result.catch(() => {});
    },
    /** @param {string} [room] or transfer; everything without it */
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
 * @returns {Refused | null} null for what says nothing about the file
 */
function refusalOf(error) {
  if (isRefused(error, "not_found")) return "gone";
  const verdict = verdictOf(error);
  return verdict === "intact" ? null : verdict;
}
