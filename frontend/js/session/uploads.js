/**
 * Files on their way up.
 *
 *     send ─encrypt─▶ shelf, row, outbox entry on hold ─parts─▶ server ─commit─▶ hold released ─▶ sent
 *
 * A file is encrypted once, before its message is written: key, hashes and root are settled when the first
 * part leaves, a reload needs nothing of the page, and what is sent again is the same bytes. The server
 * says which parts it has. Memory holds one part, whatever the file's size.
 */

import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { regroup } from "../lib/regroup.js";
import { encryptFile, makeFileKey } from "../crypto/cobblestone.js";
import { fileContext, makeFileId, signManifest } from "../crypto/file-manifest.js";
import { toFileName, toMediaType } from "../crypto/file-name.js";
import { padFile, sealedSize } from "../crypto/file-padding.js";
import { fileRoot, PartHasher } from "../crypto/file-root.js";
import { sha256 } from "../crypto/primitives.js";
import { FILE_PART_BYTES, FILES_PER_MESSAGE } from "../protocol/limits.js";
import { hintsOf } from "./attachments.js";
import { contextOf } from "./envelope.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileCalls } from "../net/files.js" */
/** @import { Core, FileRecord, OutboxRecord, RoomRecord } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Transfers } from "./transfers.js" */
/** @import { OutgoingFile } from "./types.js" */

const PIECE_BYTES = 1_048_576;

/** @typedef {{ abort: AbortController, done: Promise<void> }} Run */
/** @typedef {ReturnType<typeof createUploads>} Uploads */

/**
 * @param {Core} core
 * @param {{ outbox: Outbox, calls: FileCalls, shelf: Shelf, transfers: Transfers,
 *   tellRow: (key: string) => Promise<void> }} parts `tellRow`: the page is to see a row anew
 */
export function createUploads(core, { outbox, calls, shelf, transfers, tellRow }) {
  /** @type {Map<string, Run>} by message */
  const running = new Map();

  /**
   * @param {RoomRecord} room
   * @param {string} msgId
   * @param {OutgoingFile} outgoing
   * @returns {Promise<FileRecord>}
   */
  const encrypt = async (room, msgId, outgoing) => {
    const { file } = outgoing;
    const hints = await hintsOf(outgoing);
    const fileId = makeFileId();
    const fileKey = makeFileKey();
    const hasher = new PartHasher();
    const padded = padFile(piecesOf(file), file.size);
    const where = { room: room.id, file: toBase64url(fileId) };
    for await (const part of partsOf(encryptFile(fileKey, fileContext(fileId), padded))) {
      await hasher.update(part);
      await shelf.append(where, part);
    }
    await shelf.keep(where.file);
    const manifest = {
      fileId,
      fileKey,
      sizeBytes: file.size,
      encryptedBytes: sealedSize(file.size),
      root: await fileRoot(fileId, await hasher.finish()),
      name: toFileName(file.name),
      mime: toMediaType(file.type),
    };
    const context = contextOf(core, room, msgId);
    const signed = await signManifest(manifest, context, core.own.signingKey);
    return { ...signed, ...hints, verdict: null };
  };

  /**
   * @param {OutboxRecord} entry
   * @param {number} index
   * @param {FileRecord} record
   * @param {AbortSignal} signal
   */
  const upload = async ({ key, room }, index, record, signal) => {
    const { file_id: file, ct_size: sizeBytes } = record;
    const moving = { room, key, index, file, totalBytes: record.size };
    transfers.set(file, "sending");
    await tellRow(key);
    const announce = () => calls.begin({ id: file, room, sizeBytes });
    const { state, parts, received } = await transfers.persist(signal, announce);
    const missing = missingOf(state === "committed" ? 0 : parts, received);
    let left = missing.length;
    for (const number of missing) {
      transfers.progress(moving, sizeBytes - left * FILE_PART_BYTES);
      const bytes = await shelf.part(file, number);
      const part = { bytes, hash: toBase64url(await sha256(bytes)) };
      await transfers.persist(signal, () => calls.put(file, number, part, signal));
      left -= 1;
    }
    await transfers.persist(signal, () => calls.commit(file));
    transfers.clear(file);
    await tellRow(key);
  };

  /**
   * @param {OutboxRecord} entry
   * @param {AbortController} abort
   */
  const bring = async (entry, abort) => {
    const { key } = entry;
    const files = entry.files ?? [];
    const { signal } = abort;
    const turns = files.map((record, index) =>
      transfers.inTurn(signal, () => upload(entry, index, record, signal)),
    );
    try {
      await Promise.all(turns);
      await outbox.hold(key, null);
    } catch (error) {
      const isStopped = signal.aborted;
      abort.abort(new AppError("cancelled"));
      await Promise.allSettled(turns);
      if (isStopped) return;
      mark(files, "failed", error instanceof AppError ? error.code : "internal");
      await outbox.fail(key, error);
    }
  };

  /**
   * @param {readonly FileRecord[]} files
   * @param {"waiting" | "paused" | "failed"} state
   * @param {string | null} [failure]
   */
  const mark = (files, state, failure = null) => {
    for (const { file_id: file } of files) transfers.set(file, state, failure);
  };

  /** Begin what waits and nobody works on. */
  const work = () => {
    for (const entry of outbox.held()) {
      const { key, files, hold, failure } = entry;
      if (running.has(key)) continue;
      if (failure !== null) mark(files ?? [], "failed", failure);
      else mark(files ?? [], hold === "paused" ? "paused" : "waiting");
      if (failure !== null || hold === "paused") continue;
      const abort = new AbortController();
      const done = bring(entry, abort)
        .catch((error) => core.log.error("upload.broken", { error }))
        .finally(() => running.delete(key));
      running.set(key, { abort, done });
    }
  };

  /** @param {string} key */
  const stop = async (key) => {
    const run = running.get(key);
    run?.abort.abort(new AppError("cancelled"));
    await run?.done;
  };

  /** @param {readonly FileRecord[]} files that nobody will be told of */
  const remove = async (files) => {
    for (const { file_id: file } of files) {
      transfers.clear(file);
      await shelf.remove(file);
      // What the server does not hear of now ends there by itself.
      void calls.remove(file).catch(() => {});
    }
  };

  /** @param {string} key */
  const discard = async (key) => {
    const files = outbox.get(key)?.files ?? [];
    await stop(key);
    // It may have left in between; then its files are needed.
    if (await outbox.discard(key)) await remove(files);
  };

  return Object.freeze({
    work,
    /**
     * Throws: AppError("bad_request") for no file, or more than ten; "file_changed", "disk_full",
     * "storage_failed"; then nothing is kept.
     * @param {RoomRecord} room
     * @param {{ text: string, files: readonly OutgoingFile[] }} message
     * @param {string} msgId drawn by the tab that asked
     * @returns {Promise<string>} the row's key, when the message and its files are stored here
     */
    async send(room, { text, files }, msgId) {
      const count = files.length;
      if (count === 0 || count > FILES_PER_MESSAGE) throw new AppError("bad_request", "files");
      /** @type {FileRecord[]} */
      const records = [];
      try {
        for (const file of files) records.push(await encrypt(room, msgId, file));
        const key = await outbox.writeFiles(room.id, { msgId, text, files: records });
        work();
        await tellRow(key);
        return key;
      } catch (error) {
        for (const { file_id: file } of records) await shelf.remove(file);
        throw readable(error);
      }
    },
    /**
     * @param {string} key
     * @param {boolean} on
     */
    async pause(key, on) {
      if ((outbox.get(key)?.hold ?? null) === null) return;
      await stop(key);
      await outbox.hold(key, on ? "paused" : "uploading");
      work();
      await tellRow(key);
    },
    /**
     * Take one file out of a message that has not left; the last one takes the message along.
     * @param {string} key
     * @param {number} index
     * @returns {Promise<boolean>} whether there was one
     */
    async cancel(key, index) {
      const entry = outbox.get(key);
      const record = entry?.files?.[index];
      if (entry === undefined || record === undefined || entry.hold === null) return false;
      if (entry.files?.length === 1) {
        await discard(key);
        return true;
      }
      await stop(key);
      const isOut = await outbox.leaveOut(key, record.file_id);
      if (isOut) await remove([record]);
      work();
      await tellRow(key);
      return isOut;
    },
    discard,
    /** @param {string} [room] all of them without it */
    stop(room) {
      for (const [key, { abort }] of running) {
        if (key.startsWith(`${room ?? ""}`)) abort.abort(new AppError("cancelled"));
      }
    },
  });
}

/**
 * @param {Blob} file
 * @returns {AsyncGenerator<Bytes, void>}
 */
async function* piecesOf(file) {
  for (let start = 0; start < file.size; start += PIECE_BYTES) {
    yield new Uint8Array(await file.slice(start, start + PIECE_BYTES).arrayBuffer());
  }
}

/**
 * @param {AsyncIterable<Bytes>} ciphertext
 * @returns {AsyncGenerator<Bytes, void>} parts of 4 MiB and what remains
 */
async function* partsOf(ciphertext) {
  for await (const part of regroup(ciphertext, FILE_PART_BYTES)) {
    if (part.length > 0) yield part;
  }
}

/**
 * @param {number} parts
 * @param {readonly number[]} received
 */
function missingOf(parts, received) {
  const there = new Set(received);
  return Array.from({ length: parts }, (_, number) => number).filter((n) => !there.has(n));
}

/**
 * What a browser says about a file that is not as it was, as a code of ours.
 * @param {unknown} error
 */
function readable(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotReadableError" || name === "NotFoundError") return new AppError("file_changed");
  return error;
}
