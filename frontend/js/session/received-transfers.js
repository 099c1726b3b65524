/**
 * Transfers to this account: offered, accepted, sealed; their heads opened once, their files fetched.
 *
 * A head says the name, the key and who signed; who that is to this account is asked each time the page
 * looks, because people change their keys. What the server shows no more is gone from here too.
 */

import { AppError } from "../lib/errors.js";
import { refusalOf } from "./file-people.js";
import { openHeads } from "./transfer-heads.js";
import { judge } from "./transfer-items.js";

/** @import { TransferCalls } from "../net/transfers.js" */
/** @import { WireReceivedTransfer } from "../protocol/bodies.js" */
/** @import { FileDown } from "./file-down.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { Core, ReceivedFile, ReceivedRecord } from "./model.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { TransferRecords } from "./transfer-records.js" */
/** @import { Trust } from "./trust.js" */

/** @typedef {ReturnType<typeof createReceivedTransfers>} ReceivedTransfers */

/**
 * @param {Core} core
 * @param {{ records: TransferRecords<ReceivedRecord>, calls: TransferCalls, fileDown: FileDown,
 *   shelf: Shelf, filePeople: FilePeople, trust: Trust, onChange: () => void }} parts
 */
export function createReceivedTransfers(core, parts) {
  const { records, calls, fileDown, shelf, filePeople, trust, onChange } = parts;

  /** @param {ReceivedRecord} record */
  const drop = async ({ id, shown }) => {
    fileDown.stop(id);
    await records.remove(id);
    for (const { id: file } of shown.files) await shelf.remove(file);
    onChange();
  };

  /** @param {WireReceivedTransfer} shown */
  const show = async (shown) => {
    const { id } = shown;
    const isNew = !(await records.patch(id, { shown }));
    if (isNew) await records.put({ id, shown, opened: null, refusal: null, isTold: false });
  };

  /**
   * Whether another transfer brought one of these files before: then this one is that one, shown again.
   * @param {WireReceivedTransfer} shown
   */
  const isReplay = ({ id, files }) =>
    records
      .all()
      .some(
        (other) =>
          other.id !== id &&
          other.opened?.files.some(({ file_id: file }) => files.some((each) => each.id === file)),
      );

  /**
   * @param {ReceivedRecord} record
   */
  const openSealed = async ({ id, shown, opened, refusal }) => {
    if (shown.state !== "sealed" || opened !== null || refusal !== null) return;
    const heads = await calls.heads(id);
    // Whom it is from can be said of people that are known only.
    await trust.ensure(shown.sender.id);
    try {
      if (isReplay(shown)) throw new AppError("malformed", "replay");
      await records.patch(id, { opened: await openHeads(core, shown, heads) });
    } catch (error) {
      const verdict = refusalOf(error);
      if (verdict === null) throw error;
      await records.patch(id, { refusal: verdict });
    }
    onChange();
  };

  /** @param {ReceivedRecord} record */
  const tellDownloaded = async ({ id, shown, opened, isTold }) => {
    const isWhole = opened?.files.every(({ verdict }) => verdict === "done") === true;
    if (!isWhole || isTold || shown.downloaded_ms !== null) return;
    await calls.downloaded(id);
    await records.patch(id, { isTold: true });
  };

  /**
   * @param {string} id
   * @param {number} index
   * @param {ReceivedFile["verdict"]} verdict
   */
  const settle = async (id, index, verdict) => {
    const opened = records.get(id)?.opened ?? null;
    if (opened === null || opened.files[index]?.verdict === verdict) return;
    const files = opened.files.map((file, i) => (i === index ? { ...file, verdict } : file));
    await records.patch(id, { opened: { ...opened, files } });
    onChange();
  };

  /**
   * Throws: AppError "not_found"; its refusal, as a code, for what is not to be opened.
   * @param {string} id
   * @param {number} index
   */
  const find = (id, index) => {
    const record = records.get(id);
    const { refusal } = record ? judge(record, filePeople.originOf) : { refusal: null };
    if (refusal !== null) throw new AppError(refusal.replaceAll("-", "_"));
    const entry = record?.opened?.files[index];
    if (entry === undefined) throw new AppError("not_found");
    return entry;
  };

  /** @param {() => Promise<void>} step that is done again when the server is next looked at */
  const attempt = (step) => step().catch((error) => core.log.warn("transfer.unread", { error }));

  return Object.freeze({
    all: () => records.all(),
    /** @param {readonly WireReceivedTransfer[]} shown what the server shows now */
    async adopt(shown) {
      const live = new Set(shown.map(({ id }) => id));
      for (const record of records.all()) if (!live.has(record.id)) await drop(record);
      for (const each of shown) await show(each);
      onChange();
      for (const record of records.all()) {
        await attempt(() => openSealed(record));
        await attempt(() => tellDownloaded(record));
      }
    },
    /** @param {string} id */
    async accept(id) {
      await show(await calls.accept(id));
      onChange();
    },
    /** @param {string} id */
    async decline(id) {
      await calls.end(id);
      const record = records.get(id);
      if (record !== undefined) await drop(record);
    },
    /**
     * Throws: AppError "damaged", "wrong_sender" or "gone", which its state says from then on; "used_up",
     * "cancelled", "disk_full", "not_found"; or what the network ended with.
     * @param {string} id
     * @param {number} index
     * @returns {Promise<File>} verified from the first byte to the last
     */
    async fetch(id, index) {
      const entry = find(id, index);
      const file = await fileDown.fetch({
        entry,
        room: id,
        // Never by the type the sender says: a page of theirs must not open as one of ours.
        toFile: (content) => new File([content], entry.name, { type: "application/octet-stream" }),
        tell: (progress) => core.emit("transferProgress", { id, index, ...progress }),
        changed: async () => onChange(),
        refused: (verdict) => settle(id, index, verdict),
      });
      await settle(id, index, "done");
      const record = records.get(id);
      if (record !== undefined) await attempt(() => tellDownloaded(record));
      return file;
    },
    /**
     * @param {string} id
     * @param {number} index
     */
    async cancel(id, index) {
      const entry = records.get(id)?.opened?.files[index];
      if (entry !== undefined) await fileDown.cancel(entry.file_id);
    },
    /** Forget what has run out. */
    async tidy() {
      const nowMs = core.serverNowMs();
      for (const record of records.all()) {
        if (record.shown.expires_ms <= nowMs) await drop(record);
      }
    },
  });
}
