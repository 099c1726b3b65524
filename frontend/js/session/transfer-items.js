/** Transfers as the page sees them. */

import { AppError } from "../lib/errors.js";
import { refusalOf } from "./file-people.js";
import { parseSigner } from "./transfer-heads.js";

/** @import { WireSentTransfer } from "../protocol/bodies.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { ReceivedFile, ReceivedRecord, SentRecord } from "./model.js" */
/** @import { Status } from "./traffic.js" */
/** @import { FileOrigin, ReceivedTransfer, SentTransfer, TransferItem, TransferTo } from "./types.js" */

/** @typedef {(file: string) => Status | undefined} StatusOf */

/**
 * @param {SentRecord} record
 * @param {{ statusOf: StatusOf, isUp: (file: string) => boolean, nameOf: (user: string) => string,
 *   nowMs: number, fingerprint: string | null }} known
 * @returns {SentTransfer}
 */
export function toSent(record, { statusOf, isUp, nameOf, nowMs, fingerprint }) {
  const { id, to, shown, createdMs, hasPassphrase } = record;
  const state = stateOf(record, nowMs);
  const files = record.files.map((file) => {
    const isDone = state === "open" || state === "ended" || isUp(file.file_id);
    return toItem(file, isDone ? DONE : (moving(statusOf(file.file_id)) ?? idle(record)));
  });
  const user = to.kind === "person" ? to.user : (record.servedUser ?? shown?.user ?? null);
  return {
    id,
    to,
    name: user === null ? "" : nameOf(user),
    state,
    files,
    totalBytes: totalOf(files),
    link: state === "open" ? record.link : null,
    hasPassphrase,
    accepted: to.kind === "address" && user !== null,
    sealed: to.kind === "person" ? state === "open" : (shown?.is_sealed ?? false),
    createdMs,
    expiresMs: endOf(record),
    downloads: shown?.downloads ?? 0,
    maxDownloads: record.maxDownloads,
    downloadedMs: shown?.downloaded_ms ?? null,
    failure: record.failure,
    fingerprint: record.isSigned ? fingerprint : null,
  };
}

/**
 * One that was sent from another device: its names and keys are there.
 * @param {WireSentTransfer} shown
 * @returns {SentRecord}
 */
export function recordOf(shown) {
  const files = shown.files.map(({ id, size_bytes: size }) => {
    return { file_id: id, key: "", size, ct_size: size, root: "", name: "", mime: "" };
  });
  return {
    id: shown.id,
    to: toWhom(shown),
    phase: "open",
    files,
    offer: null,
    link: null,
    hasPassphrase: shown.has_passphrase,
    isSigned: false,
    livesMs: shown.expires_ms - shown.created_ms,
    maxDownloads: shown.max_downloads,
    createdMs: shown.created_ms,
    shown,
    failure: null,
    endedMs: null,
  };
}

/**
 * @param {ReceivedRecord} record
 * @param {{ statusOf: StatusOf, originOf: FilePeople["originOf"] }} known
 * @returns {ReceivedTransfer}
 */
export function toReceived(record, { statusOf, originOf }) {
  const { id, shown, opened } = record;
  const { display_name: displayName, friend_code: friendCode } = shown.sender;
  const { origin, refusal } = judge(record, originOf);
  const files = itemsOf(record, statusOf);
  return {
    id,
    state: shown.state,
    sender: { id: shown.sender.id, displayName, friendCode },
    origin,
    refusal,
    files,
    totalBytes: totalOf(files),
    createdMs: shown.created_ms,
    expiresMs: shown.expires_ms,
    downloadsLeft: shown.downloads_left,
    downloadedMs: shown.downloaded_ms,
    sealedMs: opened?.sealedMs ?? null,
  };
}

/**
 * Whom it is from, and whether it may be opened: asked anew each time, because people change their keys, and
 * the server could name another sender beside what was opened before.
 * @param {ReceivedRecord} record
 * @param {FilePeople["originOf"]} originOf
 * @returns {Pick<ReceivedTransfer, "origin" | "refusal">}
 */
export function judge({ opened, refusal, shown }, originOf) {
  if (opened === null) return { origin: null, refusal };
  if (opened.signer.user !== shown.sender.id) return { origin: null, refusal: "wrong-sender" };
  try {
    const origin = originOf(parseSigner(opened.signer));
    const name = origin.name === "" ? shown.sender.display_name : origin.name;
    return { origin: { ...origin, name }, refusal: null };
  } catch (error) {
    return { origin: null, refusal: refusalOf(error) ?? "damaged" };
  }
}

/**
 * @param {SentRecord} record
 * @returns {number} milliseconds UTC
 */
export function endOf({ shown, createdMs, livesMs }) {
  return shown?.expires_ms ?? createdMs + livesMs;
}

/**
 * @param {SentRecord} record
 * @param {number} nowMs
 * @returns {SentTransfer["state"]}
 */
function stateOf(record, nowMs) {
  return record.phase === "open" && endOf(record) <= nowMs ? "ended" : record.phase;
}

/**
 * @param {WireSentTransfer} shown
 * @returns {TransferTo}
 */
function toWhom({ kind, user, email }) {
  if (kind === "person" && user !== null) return { kind, user };
  if (kind === "address" && email !== null) return { kind, email };
  if (kind === "link") return { kind };
  throw new AppError("bad_answer", "transfer for nobody");
}

/**
 * @param {ReceivedRecord} record
 * @param {StatusOf} statusOf
 */
function itemsOf({ opened, shown }, statusOf) {
  if (opened === null) {
    return shown.files.map(({ size_bytes: size }) => toItem({ name: "", mime: "", size }, WAITING));
  }
  return opened.files.map((file) => toItem(file, moving(statusOf(file.file_id)) ?? settled(file)));
}

/** @param {readonly TransferItem[]} files */
function totalOf(files) {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** @typedef {{ state: TransferItem["state"], failure: string | null, doneBytes?: number }} Progress */

/** @type {Progress} */
const WAITING = Object.freeze({ state: "waiting", failure: null });
/** @type {Progress} */
const DONE = Object.freeze({ state: "done", failure: null });

/** @type {Partial<Record<Status["state"], TransferItem["state"]>>} everything else moves */
const STATES = Object.freeze({ paused: "waiting", queued: "queued", failed: "failed" });

/**
 * @param {Status | undefined} status
 * @returns {Progress | null} null for a file nobody works on
 */
function moving(status) {
  if (status === undefined || status.state === "waiting") return null;
  return { ...status, state: STATES[status.state] ?? "moving" };
}

/**
 * @param {SentRecord} record
 * @returns {Progress} of a file nobody works on
 */
function idle({ phase, failure }) {
  return phase === "failed" ? { state: "failed", failure } : WAITING;
}

/**
 * @param {ReceivedFile} file
 * @returns {Progress}
 */
function settled({ verdict }) {
  return { state: verdict ?? "waiting", failure: null };
}

/**
 * @param {{ name: string, mime: string, size: number }} file
 * @param {Progress} progress
 * @returns {TransferItem}
 */
function toItem({ name, mime, size }, { state, failure, doneBytes = 0 }) {
  return {
    ...{ name, mime, sizeBytes: size },
    ...{ doneBytes: state === "done" ? size : doneBytes, state, failure },
  };
}
