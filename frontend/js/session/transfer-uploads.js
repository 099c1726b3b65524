/**
 * Transfers on their way up: every file, then the heads and what a link offers, and others can see it.
 *
 * What is being uploaded goes on after a reload; the server says what it has. One that has ended there has
 * failed for good: its link is bound to its id, under a passphrase that nobody keeps.
 */

import { AppError } from "../lib/errors.js";
import { isRefused } from "../protocol/errors.js";
import { bringParts } from "./file-up.js";
import { createRuns } from "./runs.js";
import { keptFiles } from "./sent-heads.js";
import { startBody } from "./transfer-drafts.js";

/** @import { FileCalls } from "../net/files.js" */
/** @import { TransferCalls } from "../net/transfers.js" */
/** @import { Core, SentRecord } from "./model.js" */
/** @import { ChangeSent, SentHeads } from "./sent-heads.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Traffic } from "./traffic.js" */
/** @import { TransferRecords } from "./transfer-records.js" */

export const DRAFT_ENDED = "draft_ended"; // the failure of one that cannot go on

/** @typedef {ReturnType<typeof createTransferUploads>} TransferUploads */

/**
 * @param {Core} core
 * @param {{ records: TransferRecords<SentRecord>, calls: TransferCalls, fileCalls: FileCalls,
 *   shelf: Shelf, traffic: Traffic, heads: SentHeads, change: ChangeSent, onChange: () => void }} parts
 */
export function createTransferUploads(core, parts) {
  const { records, calls, fileCalls, shelf, traffic, change, onChange } = parts;
  const runs = createRuns((error) => core.log.error("transfer.broken", { error }));
  /** @type {Set<string>} files that are whole at the server, of transfers under way */
  const whole = new Set();

  /**
   * Let go of what was here to bring files up.
   * @param {readonly { file_id: string }[]} files
   */
  const clear = async (files) => {
    for (const { file_id: file } of files) {
      traffic.clear(file);
      whole.delete(file);
      await shelf.remove(file);
    }
  };

  /**
   * @param {SentRecord} record
   * @param {number} index
   * @param {AbortSignal} signal
   */
  const upload = async ({ id, files }, index, signal) => {
    const entry = /** @type {SentRecord["files"][number]} */ (files[index]);
    const { file_id: file, ct_size: sizeBytes, size: totalBytes } = entry;
    traffic.set(file, "sending");
    onChange();
    const moving = {
      ...{ file, sizeBytes, totalBytes },
      tell: (/** @type {{ doneBytes: number, totalBytes: number }} */ progress) =>
        core.emit("transferProgress", { id, index, ...progress }),
    };
    const announce = () => fileCalls.begin({ id: file, home: { transfer: id }, sizeBytes });
    await unlessEnded(async () => {
      const begun = await traffic.persist(signal, announce);
      await bringParts({ calls: fileCalls, shelf, traffic }, begun, moving, signal);
    });
    whole.add(file);
    onChange();
  };

  /**
   * Make it visible to others.
   * @param {SentRecord} record
   * @param {AbortSignal} signal
   */
  const open = async (record, signal) => {
    const { id, to, files, offer } = record;
    const names = { files: files.map(({ file_id: file }) => file) };
    const heads =
      to.kind === "person" ? { heads: await parts.heads.headsFor(record, to.user) } : {};
    const body = { ...names, ...heads, ...(offer === null ? {} : { link: offer }) };
    try {
      return await traffic.persist(signal, () => calls.send(id, body));
    } catch (error) {
      if (isRefused(error, "not_found")) throw new AppError(DRAFT_ENDED, "", { cause: error });
      if (!isRefused(error, "conflict")) throw error;
      // It was sent before, sealed anew since, and only the answer was lost.
      const sent = await traffic.persist(signal, () => calls.sent());
      const before = sent.find((each) => each.id === id && each.state === "open");
      if (before === undefined) throw error;
      return before;
    }
  };

  /**
   * @param {SentRecord} record
   * @param {AbortController} abort
   */
  const bring = async (record, abort) => {
    const { id, files } = record;
    const { signal } = abort;
    /** @type {Promise<void>[]} */
    let turns = [];
    try {
      const begin = () => calls.begin(startBody(record));
      const begun = await unlessEnded(() => traffic.persist(signal, begin));
      const isOpen = begun.state === "open";
      if (!isOpen) {
        turns = files.map(({ size: sizeBytes }, index) =>
          traffic.up.run({ sizeBytes, signal }, () => upload(record, index, signal)),
        );
      }
      await Promise.all(turns);
      const shown = isOpen ? begun : await open(record, signal);
      await change(id, { phase: "open", shown, offer: null, files: keptFiles(record) });
    } catch (error) {
      const isStopped = signal.aborted;
      abort.abort(new AppError("cancelled"));
      await Promise.allSettled(turns);
      if (isStopped) return;
      for (const { file_id: file } of files) traffic.clear(file);
      const failure = codeOf(core, error);
      await change(id, { phase: "failed", failure });
      if (failure !== DRAFT_ENDED) return;
    }
    await clear(files);
  };

  /** Begin what waits and nobody works on. */
  const work = () => {
    for (const record of records.all()) {
      const { id, phase } = record;
      if (phase !== "uploading" || runs.has(id)) continue;
      runs.begin(id, (abort) => bring(record, abort));
    }
  };

  return Object.freeze({
    work,
    stop: runs.stop,
    stopAll: () => runs.stopAll(),
    clear,
    /**
     * @param {string} file
     * @returns {boolean} whether it is whole at the server although its transfer is not open yet
     */
    isUp: (file) => whole.has(file),
  });
}

/**
 * @param {Core} core
 * @param {unknown} error
 */
function codeOf({ log }, error) {
  if (error instanceof AppError) return error.code;
  log.error("transfer.broken", { error });
  return "internal";
}

/**
 * A draft ends at the server when nothing comes for a day; neither its id nor those of its files are given
 * again, and what is signed and sealed for it is bound to them.
 *
 * Throws: AppError("draft_ended"), what the call throws.
 * @param {() => Promise<Result>} call
 * @returns {Promise<Result>}
 * @template Result
 */
async function unlessEnded(call) {
  try {
    return await call();
  } catch (error) {
    const isEnded = isRefused(error, "conflict") || isRefused(error, "not_found");
    throw isEnded ? new AppError(DRAFT_ENDED, "", { cause: error }) : error;
  }
}
