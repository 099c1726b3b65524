/**
 * Transfers that are being prepared: allowed by the server if it can be asked, then encrypted onto the
 * shelf. Until that is done a transfer is nowhere but in memory, and whatever ends it leaves nothing.
 */

import { toBase64url } from "../lib/bytes.js";
import { piecesOf } from "../lib/blob-pieces.js";
import { AppError } from "../lib/errors.js";
import { dumpEntry, makeFileId } from "../crypto/file-manifest.js";
import { toFileName, toMediaType } from "../crypto/file-name.js";
import { padFile, sealedSize } from "../crypto/file-padding.js";
import {
  FILE_BYTES,
  FILES_PER_TRANSFER,
  TRANSFER_DOWNLOADS,
  TRANSFER_MIN_TTL_MS,
  TRANSFER_TTL_MS,
} from "../protocol/limits.js";
import { readable } from "./file-up.js";
import { keepContent } from "./kept-content.js";
import { makeLink } from "./link-making.js";
import { requirePassphrase } from "./passphrase.js";
import { isPassing } from "./traffic.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { FileEntry } from "../crypto/file-manifest.js" */
/** @import { FileCalls } from "../net/files.js" */
/** @import { StartBody, TransferCalls } from "../net/transfers.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { Core, SentRecord } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { People } from "./people.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Traffic } from "./traffic.js" */
/** @import { EngineCalls } from "./types.js" */

/** @typedef {EngineCalls["sendTransfer"][0]} Form */
/** @typedef {{ record: SentRecord, abort: AbortController }} Draft */
/** @typedef {ReturnType<typeof createTransferDrafts>} TransferDrafts */

/**
 * @param {Core} core
 * @param {{ calls: TransferCalls, fileCalls: FileCalls, shelf: Shelf, traffic: Traffic, people: People,
 *   filePeople: FilePeople, startArgon2: StartArgon2, isOnline: () => boolean,
 *   onChange: () => void }} parts
 */
export function createTransferDrafts(core, parts) {
  const { calls, fileCalls, shelf, traffic, filePeople } = parts;
  /** @type {Map<string, Draft>} */
  const drafts = new Map();

  /** @param {Form} form */
  const requireAllowed = async ({ to, passphrase, ...form }) => {
    requireBounds(form);
    if (to.kind !== "person") {
      if (passphrase !== null) requirePassphrase(passphrase);
      return;
    }
    if (parts.people.person(to.user).relation !== "accepted") throw new AppError("not_contact");
    await filePeople.devicesOf(to.user);
  };

  /**
   * Ask before the work is done, because a refusal then costs nobody anything: for the transfer and its
   * largest file. The others are announced when their turn comes, since the server bounds how many wait.
   * @param {SentRecord} record
   */
  const announce = async (record) => {
    if (!parts.isOnline()) return;
    const home = { transfer: record.id };
    const largest = record.files.reduce((one, other) =>
      other.ct_size > one.ct_size ? other : one,
    );
    try {
      await calls.begin(startBody(record));
      await fileCalls.begin({ id: largest.file_id, home, sizeBytes: largest.ct_size });
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  };

  /**
   * @param {Draft} draft
   * @param {number} index
   * @param {File} file
   * @param {Bytes} fileId
   */
  const encrypt = async ({ record, abort }, index, file, fileId) => {
    const { id } = record;
    const named = /** @type {FileEntry} */ (record.files[index]);
    const moving = {
      file: named.file_id,
      totalBytes: file.size,
      tell: (/** @type {{ doneBytes: number, totalBytes: number }} */ progress) =>
        core.emit("transferProgress", { id, index, ...progress }),
    };
    traffic.set(named.file_id, "sending");
    parts.onChange();
    const pieces = counted(piecesOf(file), (bytes) => traffic.progress(moving, bytes));
    const padded = padFile(pieces, file.size);
    const kept = await keepContent(shelf, id, padded, { fileId, signal: abort.signal });
    const { name, mime, size: sizeBytes, ct_size: encryptedBytes } = named;
    return dumpEntry({ ...kept, sizeBytes, encryptedBytes, name, mime });
  };

  /**
   * @param {Form} form
   * @param {string} id
   * @param {readonly FileEntry[]} files
   */
  const link = ({ to, passphrase, signed }, id, files) => {
    if (to.kind === "person") return { link: null, offer: null };
    const name = core.account.displayName;
    const signer = signed ? { ...filePeople.sender(), name } : null;
    return makeLink({ id, files, passphrase, signer }, parts.startArgon2);
  };

  return Object.freeze({
    /**
     * Throws: AppError "bad_request", "too_large", "weak_password", "not_contact", "identity_changed",
     * "forbidden", "quota_full", "cancelled", "file_changed", "disk_full" and "storage_failed"; then
     * nothing of it is here.
     * @param {Form} form
     * @param {string} id of the transfer, 16 bytes
     * @param {(record: SentRecord) => Promise<void>} keep makes it one that is on its way
     */
    async prepare(form, id, keep) {
      await requireAllowed(form);
      const fileIds = form.files.map(makeFileId);
      const record = newRecord(form, id, fileIds.map(toBase64url), core.serverNowMs());
      const abort = new AbortController();
      const draft = { record, abort };
      drafts.set(id, draft);
      const ids = record.files.map(({ file_id: file }) => file);
      try {
        await shelf.using(ids, async () => {
          await announce(record);
          const files = [];
          for (const [index, fileId] of fileIds.entries()) {
            const file = /** @type {File} */ (form.files[index]);
            files.push(await encrypt(draft, index, file, fileId));
          }
          const made = await link(form, id, files);
          abort.signal.throwIfAborted();
          await keep({ ...record, ...made, phase: "uploading", files });
        });
        for (const file of ids) traffic.clear(file);
      } catch (error) {
        await clear(record);
        // A draft that the server does not hear of again ends there by itself.
        void calls.end(id).catch(() => {});
        throw readable(abort.signal.aborted ? abort.signal.reason : error);
      } finally {
        drafts.delete(id);
        parts.onChange();
      }
    },
    /** @returns {SentRecord[]} */
    all: () => [...drafts.values()].map(({ record }) => record),
    /**
     * @param {string} id
     * @returns {boolean} whether there was one
     */
    cancel(id) {
      const draft = drafts.get(id);
      draft?.abort.abort(new AppError("cancelled"));
      return draft !== undefined;
    },
    stop() {
      for (const { abort } of drafts.values()) abort.abort(new AppError("cancelled"));
    },
  });

  /** @param {SentRecord} record */
  async function clear({ files }) {
    for (const { file_id: file } of files) {
      traffic.clear(file);
      await shelf.remove(file);
    }
  }
}

/**
 * What announces a transfer.
 * @param {SentRecord} record
 * @returns {StartBody}
 */
export function startBody({ id, to, livesMs, maxDownloads }) {
  return { id, ...to, lives_ms: livesMs, max_downloads: maxDownloads };
}

/**
 * @param {Form} form
 * @param {string} id
 * @param {readonly string[]} fileIds
 * @param {number} nowMs
 * @returns {SentRecord}
 */
function newRecord({ files, to, livesMs, maxDownloads, passphrase, signed }, id, fileIds, nowMs) {
  const isLink = to.kind !== "person";
  return {
    id,
    to: to.kind === "address" ? { ...to, email: to.email.trim().toLowerCase() } : to,
    phase: "preparing",
    files: files.map((file, index) => ({
      file_id: /** @type {string} */ (fileIds[index]),
      key: "",
      size: file.size,
      ct_size: sealedSize(file.size),
      root: "",
      name: toFileName(file.name),
      mime: toMediaType(file.type),
    })),
    offer: null,
    link: null,
    hasPassphrase: isLink && passphrase !== null,
    isSigned: isLink && signed,
    livesMs,
    maxDownloads,
    createdMs: nowMs,
    shown: null,
    failure: null,
    endedMs: null,
  };
}

/** @param {Pick<Form, "files" | "livesMs" | "maxDownloads">} form */
function requireBounds({ files, livesMs, maxDownloads }) {
  const isLife = TRANSFER_MIN_TTL_MS <= livesMs && livesMs <= TRANSFER_TTL_MS;
  const isLimit =
    maxDownloads === null || (1 <= maxDownloads && maxDownloads <= TRANSFER_DOWNLOADS);
  const isCount = 1 <= files.length && files.length <= FILES_PER_TRANSFER;
  if (!isLife || !isLimit || !isCount) throw new AppError("bad_request", "transfer");
  if (files.some(({ size }) => sealedSize(size) > FILE_BYTES)) throw new AppError("too_large");
}

/**
 * @param {AsyncIterable<Bytes>} pieces
 * @param {(bytes: number) => void} tell how many have passed
 */
async function* counted(pieces, tell) {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length; // afterwards the piece may be gone
    yield piece;
    tell(bytes);
  }
}
