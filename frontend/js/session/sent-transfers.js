/**
 * Transfers from this account: on their way up, open to others, ended.
 *
 *     preparing ─▶ uploading ─▶ open ─▶ ended ─ 30 days ─▶ forgotten
 *                     ├─▶ paused ─ let go on ─▶ uploading
 *                     └─▶ failed ─ tried again ─▶ uploading
 *
 * What a person does with one, and what the server shows of it, moves it from state to state. Drafts become
 * transfers in transfer-drafts.js, and are brought up in transfer-uploads.js.
 */

import { AppError } from "../lib/errors.js";
import { createSentHeads, withoutKeys } from "./sent-heads.js";
import { endOf, recordOf } from "./transfer-items.js";
import { DRAFT_ENDED, createTransferUploads } from "./transfer-uploads.js";

/** @import { FileCalls } from "../net/files.js" */
/** @import { TransferCalls } from "../net/transfers.js" */
/** @import { WireSentTransfer } from "../protocol/bodies.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { Core, SentRecord } from "./model.js" */
/** @import { People } from "./people.js" */
/** @import { ChangeSent } from "./sent-heads.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Traffic } from "./traffic.js" */
/** @import { Form, TransferDrafts } from "./transfer-drafts.js" */
/** @import { TransferRecords } from "./transfer-records.js" */

const KEPT_MS = 30 * 86_400_000;

/** @typedef {ReturnType<typeof createSentTransfers>} SentTransfers */

/**
 * @param {Core} core
 * @param {{ records: TransferRecords<SentRecord>, drafts: TransferDrafts, calls: TransferCalls,
 *   fileCalls: FileCalls, shelf: Shelf, traffic: Traffic, people: People, filePeople: FilePeople,
 *   onChange: () => void }} parts
 */
export function createSentTransfers(core, parts) {
  const { records, drafts, calls, traffic, onChange } = parts;
  /** @type {WireSentTransfer[]} open ones that other devices have sent */
  let foreign = [];

  /** @type {ChangeSent} */
  const change = async (id, fields) => {
    await records.patch(id, fields);
    onChange();
  };
  const heads = createSentHeads(core, { ...parts, change });
  const uploads = createTransferUploads(core, { ...parts, heads, change });

  /** @param {SentRecord} record that nobody else has seen */
  const discard = async ({ id, files }) => {
    await records.remove(id);
    await uploads.clear(files);
    // A draft that the server does not hear of again ends there by itself.
    void calls.end(id).catch(() => {});
    onChange();
  };

  /** @param {SentRecord} record */
  const end = ({ id, files }) => {
    const secrets = { link: null, offer: null, files: withoutKeys(files) };
    return change(id, { phase: "ended", endedMs: core.serverNowMs(), ...secrets });
  };

  return Object.freeze({
    work: uploads.work,
    serve: heads.serve,
    /** @returns {SentRecord[]} */
    all: () => [...drafts.all(), ...records.all(), ...foreign.map(recordOf)],
    isUp: uploads.isUp,
    /**
     * @param {string} file
     * @returns {boolean} whether its parts must stay on this device
     */
    needs: (file) => records.all().some((record) => isUnderWay(record) && hasFile(record, file)),
    /**
     * @param {string} id
     * @returns {boolean} whether files of it may be on this device
     */
    isUnderWay(id) {
      const record = records.get(id);
      return record !== undefined && isUnderWay(record);
    },
    /**
     * Throws: see `prepare` of transfer-drafts.js.
     * @param {Form} form
     * @param {string} id drawn by the tab that asked; the same again is the same transfer
     */
    async send(form, id) {
      if (records.get(id) !== undefined) return;
      await drafts.prepare(form, id, records.put);
      uploads.work();
    },
    /**
     * @param {string} id
     * @param {boolean} on
     */
    async pause(id, on) {
      const before = on ? "uploading" : "paused";
      if (records.get(id)?.phase !== before) return;
      await uploads.stop(id);
      const record = records.get(id);
      // It may be open by now.
      if (record?.phase !== before) return;
      if (on) for (const { file_id: file } of record.files) traffic.pause(file);
      await change(id, { phase: on ? "paused" : "uploading" });
      uploads.work();
    },
    /**
     * Throws: AppError("not_found") unless it has failed, and not because it has ended.
     * @param {string} id
     */
    async retry(id) {
      const record = records.get(id);
      const canGoOn = record?.phase === "failed" && record.failure !== DRAFT_ENDED;
      if (!canGoOn) throw new AppError("not_found");
      await change(id, { phase: "uploading", failure: null });
      uploads.work();
    },
    /**
     * Throws: AppError "offline" and its like for one that others can see; then nothing has changed.
     * @param {string} id
     */
    async withdraw(id) {
      if (drafts.cancel(id)) return;
      await uploads.stop(id);
      const record = records.get(id);
      if (record !== undefined && isUnderWay(record)) {
        await discard(record);
        return;
      }
      if (record?.phase === "ended") return;
      await calls.end(id);
      foreign = foreign.filter((each) => each.id !== id);
      if (record !== undefined) await end(record);
      onChange();
    },
    /**
     * Throws: AppError("bad_request") for one that is open.
     * @param {string} id
     */
    async forget(id) {
      const record = records.get(id);
      if (record?.phase === "failed") return discard(record);
      if (record !== undefined && !isOver(record)) throw new AppError("bad_request", "open");
      await records.remove(id);
      return onChange();
    },
    /**
     * What the server shows now. `before` are those that were open when it was asked: of these, what it
     * does not show any more has ended.
     * @param {readonly WireSentTransfer[]} shown
     * @param {readonly string[]} before
     */
    async adopt(shown, before) {
      const visible = shown.filter(({ state }) => state === "open");
      foreign = visible.filter(({ id }) => records.get(id) === undefined);
      for (const each of visible) {
        const record = records.get(each.id);
        if (record === undefined || isUnderWay(record)) continue;
        await records.patch(each.id, { shown: each, phase: "open", endedMs: null });
      }
      const live = new Set(visible.map(({ id }) => id));
      for (const id of before.filter((each) => !live.has(each))) {
        const record = records.get(id);
        if (record?.phase === "open") await end(record);
      }
      onChange();
      await heads.serve();
    },
    /** @returns {string[]} ids of those that others can see */
    open: () =>
      records
        .all()
        .filter(({ phase }) => phase === "open")
        .map(({ id }) => id),
    /** End what has run out, and forget what ended long ago. */
    async tidy() {
      for (const record of records.all()) {
        if (record.phase === "open" && isOver(record)) await end(record);
        if (record.endedMs !== null && record.endedMs + KEPT_MS <= core.serverNowMs()) {
          await records.remove(record.id);
          onChange();
        }
      }
    },
    stop() {
      drafts.stop();
      uploads.stopAll();
    },
  });

  /** @param {SentRecord} record */
  function isOver(record) {
    return record.phase === "ended" || endOf(record) <= core.serverNowMs();
  }
}

/** @param {SentRecord} record */
function isUnderWay({ phase }) {
  return phase === "uploading" || phase === "paused" || phase === "failed";
}

/**
 * @param {SentRecord} record
 * @param {string} file
 */
function hasFile({ files }, file) {
  return files.some(({ file_id: id }) => id === file);
}
