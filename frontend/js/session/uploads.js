/**
 * Files on their way up.
 *
 *     send ─encrypt─▶ shelf, row, outbox entry on hold ─parts─▶ server ─commit─▶ hold released ─▶ sent
 *
 * A file is encrypted once, before its message is written: key, hashes and root are settled when the first
 * part leaves, a reload needs nothing of the page, and what is sent again is the same bytes. The server
 * says which parts it has. What was interrupted for more than a day has ended there and its id is used up:
 * then it is encrypted anew, under another id and key. Memory holds one part, whatever the file's size.
 */

import { piecesOf } from "../lib/blob-pieces.js";
import { toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { makeFileId, signManifest } from "../crypto/file-manifest.js";
import { toFileName, toMediaType } from "../crypto/file-name.js";
import { padFile, sealedSize } from "../crypto/file-padding.js";
import { isRefused } from "../protocol/errors.js";
import { FILES_PER_MESSAGE } from "../protocol/limits.js";
import { hintsOf } from "./attachments.js";
import { contextOf } from "./envelope.js";
import { bringParts, readable } from "./file-up.js";
import { keepContent, openKept } from "./kept-content.js";
import { createRuns } from "./runs.js";
import { emitProgress } from "./traffic.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileCalls } from "../net/files.js" */
/** @import { Core, FileRecord, OutboxRecord, RoomRecord } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Traffic } from "./traffic.js" */
/** @import { OutgoingFile } from "./types.js" */

/** @typedef {ReturnType<typeof createUploads>} Uploads */

/**
 * @param {Core} core
 * @param {{ outbox: Outbox, calls: FileCalls, shelf: Shelf, traffic: Traffic,
 *   tellRow: (key: string) => Promise<void> }} parts `tellRow`: the page is to see a row anew
 */
export function createUploads(core, { outbox, calls, shelf, traffic, tellRow }) {
  const runs = createRuns((error) => core.log.error("upload.broken", { error })); // by message

  /**
   * Put a file on the shelf, and sign for it; nothing of it when that fails.
   * @param {{ room: string, msgId: string }} message
   * @param {AsyncIterable<Uint8Array>} padded content
   * @param {{ size: number, name: string, mime: string }} about the content
   * @param {{ fileId: Bytes, signal?: AbortSignal }} options
   */
  const seal = async ({ room, msgId }, padded, { size, name, mime }, options) => {
    const kept = await keepContent(shelf, room, padded, options);
    const sizes = { sizeBytes: size, encryptedBytes: sealedSize(size) };
    const manifest = { ...kept, ...sizes, name, mime };
    const context = contextOf(core, { id: room }, msgId);
    return signManifest(manifest, context, core.own.signingKey);
  };

  /**
   * @param {RoomRecord} room
   * @param {string} msgId
   * @param {OutgoingFile} outgoing
   * @param {Bytes} fileId
   * @returns {Promise<FileRecord>}
   */
  const encrypt = async ({ id: room }, msgId, outgoing, fileId) => {
    const { file } = outgoing;
    const hints = await hintsOf(outgoing);
    const about = { size: file.size, name: toFileName(file.name), mime: toMediaType(file.type) };
    const padded = padFile(piecesOf(file), file.size);
    const signed = await seal({ room, msgId }, padded, about, { fileId });
    return { ...signed, ...hints, verdict: null };
  };

  /**
   * Put another file in the place of one whose id is used up. The message has not left, so nobody knows it.
   * @param {OutboxRecord} entry
   * @param {FileRecord} record
   * @param {AbortSignal} signal
   * @returns {Promise<FileRecord>} of the same content
   */
  const renew = (entry, record, signal) => {
    const fileId = makeFileId();
    return shelf.using([toBase64url(fileId)], async () => {
      const signed = await seal(entry, openKept(shelf, record), record, { fileId, signal });
      const fresh = { ...record, ...signed };
      const old = record.file_id;
      const isIn = await outbox.changeFiles(entry.key, (files) =>
        files.map((each) => (each.file_id === old ? fresh : each)),
      );
      traffic.clear(old);
      await shelf.remove(isIn ? old : fresh.file_id);
      if (!isIn) throw new AppError("cancelled");
      return fresh;
    });
  };

  /**
   * @param {OutboxRecord} entry
   * @param {number} index
   * @param {FileRecord} record
   * @param {AbortSignal} signal
   * @param {boolean} [isAnew] has been given another id just now
   * @returns {Promise<void>}
   */
  const upload = async (entry, index, record, signal, isAnew = false) => {
    const { key, room } = entry;
    const { file_id: file, ct_size: sizeBytes } = record;
    const tell = emitProgress(core, { room, key, index });
    const moving = { file, totalBytes: record.size, sizeBytes, tell };
    traffic.set(file, "sending");
    await tellRow(key);
    const announce = () =>
      traffic.persist(signal, () => calls.begin({ id: file, home: { room }, sizeBytes }));
    try {
      const begun = await announce();
      await bringParts({ calls, shelf, traffic }, begun, moving, signal).catch(async (error) => {
        // It has ended on its way, or its room has; asked for once more, the server says which.
        if (isRefused(error, "not_found")) await announce();
        throw error;
      });
    } catch (error) {
      if (isAnew || !isRefused(error, "conflict")) throw error;
      return upload(entry, index, await renew(entry, record, signal), signal, true);
    }
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
      traffic.up.run({ sizeBytes: record.size, signal }, () =>
        upload(entry, index, record, signal),
      ),
    );
    try {
      await Promise.all(turns);
      await outbox.hold(key, null);
    } catch (error) {
      const isStopped = signal.aborted;
      abort.abort(new AppError("cancelled"));
      await Promise.allSettled(turns);
      if (isStopped) return;
      const code = error instanceof AppError ? error.code : "internal";
      mark(outbox.get(key)?.files ?? [], "failed", code);
      await outbox.fail(key, error);
    }
  };

  /**
   * @param {readonly FileRecord[]} files
   * @param {"waiting" | "failed"} state
   * @param {string | null} [failure]
   */
  const mark = (files, state, failure = null) => {
    for (const { file_id: file } of files) traffic.set(file, state, failure);
  };

  /** Begin what waits and nobody works on. */
  const work = () => {
    for (const entry of outbox.held()) {
      const { key, files, hold, failure } = entry;
      if (runs.has(key)) continue;
      if (failure !== null) mark(files ?? [], "failed", failure);
      else if (hold === "paused") for (const { file_id: file } of files ?? []) traffic.pause(file);
      else mark(files ?? [], "waiting");
      if (failure !== null || hold === "paused") continue;
      const ids = (files ?? []).map(({ file_id: file }) => file);
      runs.begin(key, (abort) => shelf.using(ids, () => bring(entry, abort)));
    }
  };

  /** @param {readonly FileRecord[]} files that nobody will be told of */
  const remove = async (files) => {
    for (const { file_id: file } of files) {
      traffic.clear(file);
      await shelf.remove(file);
      // What the server does not hear of now ends there by itself.
      void calls.remove(file).catch(() => {});
    }
  };

  /** @param {string} key */
  const discard = async (key) => {
    const files = outbox.get(key)?.files ?? [];
    await runs.stop(key);
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
      const fileIds = files.map(makeFileId);
      const ids = fileIds.map((fileId) => toBase64url(fileId));
      return shelf.using(ids, async () => {
        /** @type {FileRecord[]} */
        const records = [];
        try {
          for (const [index, fileId] of fileIds.entries()) {
            const file = /** @type {OutgoingFile} */ (files[index]);
            records.push(await encrypt(room, msgId, file, fileId));
          }
          const key = await outbox.writeFiles(room.id, { msgId, text, files: records });
          work();
          await tellRow(key);
          return key;
        } catch (error) {
          for (const file of ids) await shelf.remove(file);
          throw readable(error);
        }
      });
    },
    /**
     * @param {string} key
     * @param {boolean} on
     */
    async pause(key, on) {
      if ((outbox.get(key)?.hold ?? null) === null) return;
      await runs.stop(key);
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
      await runs.stop(key);
      const isOut = await outbox.changeFiles(key, (files) =>
        files.filter(({ file_id: file }) => file !== record.file_id),
      );
      if (isOut) await remove([record]);
      work();
      await tellRow(key);
      return isOut;
    },
    discard,
    /** @param {string} [room] all of them without it */
    stop: runs.stopAll,
  });
}
