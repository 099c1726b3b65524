/**
 * The files a message speaks of: read, judged by their signatures, shown.
 *
 * The signature is looked at when the message comes, because who sent it is known then; the bytes when
 * they are fetched (SEAL1 §4.12). What stands beside the signed fields is only ever shown.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { verdictOf, verifyManifest } from "../crypto/file-manifest.js";
import { toFileName, toMediaType } from "../crypto/file-name.js";
import { hash, id16, signature } from "../protocol/fields.js";
import { FILES_PER_MESSAGE } from "../protocol/limits.js";
import { base64, base64UpTo, count, list, nullable, object, text } from "../protocol/shape.js";

/** @import { FileContext } from "../crypto/file-manifest.js" */
/** @import { Content, PublicKey } from "../crypto/types.js" */
/** @import { FileRecord } from "./model.js" */
/** @import { Status } from "./traffic.js" */
/** @import { Attachment, OutgoingFile } from "./types.js" */

const THUMB_BYTES = 12_288;
const WAVE_BYTES = 64;

/**
 * What is shown in place (S-33); everything else is handed out as octets.
 * @type {ReadonlyMap<string, "image" | "video" | "audio">}
 */
const SHOWN = new Map([
  ["image/png", "image"],
  ["image/jpeg", "image"],
  ["image/webp", "image"],
  ["image/gif", "image"],
  ["image/avif", "image"],
  ["video/mp4", "video"],
  ["video/webm", "video"],
  ["audio/ogg", "audio"],
  ["audio/mpeg", "audio"],
  ["audio/mp4", "audio"],
  ["audio/wav", "audio"],
  ["audio/webm", "audio"],
]);

/** The same under the names that some systems have for them. What an iPhone films is QuickTime, of the same boxes. */
const ALIASES = new Map([
  ["image/jpg", "image/jpeg"],
  ["video/quicktime", "video/mp4"],
  ["video/x-m4v", "video/mp4"],
  ["audio/x-m4a", "audio/mp4"],
  ["audio/m4a", "audio/mp4"],
  ["audio/mp3", "audio/mpeg"],
  ["audio/x-wav", "audio/wav"],
  ["audio/wave", "audio/wav"],
]);

const shape = object({
  file_id: id16,
  key: base64(32),
  size: count,
  ct_size: count,
  root: hash,
  name: text(255),
  mime: text(127),
  sig: signature,
  width: nullable(count),
  height: nullable(count),
  duration_ms: nullable(count),
  thumb: nullable(base64UpTo(THUMB_BYTES)),
  wave: nullable(base64(WAVE_BYTES)),
});
const records = list(shape);
const MALFORMED = ["bad_answer", "malformed"];

/**
 * The files of a content that came; those beyond the tenth are left out.
 * @param {Content} content
 * @param {FileContext} context of the message that brought it
 * @param {PublicKey} signingKey of the device that sent it
 * @returns {Promise<FileRecord[] | null>} null when it does not have the documented form
 */
export async function readFiles(content, context, signingKey) {
  try {
    const parsed = records(content["files"], "files").slice(0, FILES_PER_MESSAGE);
    const judged = parsed.map((record) => judge(record, context, signingKey));
    return parsed.length === 0 ? null : await Promise.all(judged);
  } catch (error) {
    if (error instanceof AppError && MALFORMED.includes(error.code)) return null;
    throw error;
  }
}

/**
 * @param {Omit<FileRecord, "verdict">} record
 * @param {FileContext} context
 * @param {PublicKey} signingKey
 * @returns {Promise<FileRecord>}
 */
async function judge(record, context, signingKey) {
  try {
    await verifyManifest(record, context, signingKey);
    return { ...record, verdict: null };
  } catch (error) {
    if (verdictOf(error) !== "wrong-sender") throw error;
    return { ...record, verdict: "wrong-sender" };
  }
}

/**
 * What is said of an own file beside its signed fields.
 *
 * Throws: AppError("bad_request") for hints that no receiver would take.
 * @param {OutgoingFile} file
 * @returns {Promise<Pick<FileRecord, "width" | "height" | "duration_ms" | "thumb" | "wave">>}
 */
export async function hintsOf({ thumb, wave, width, height, durationMs }) {
  const isThumb = thumb === null || (thumb.size > 0 && thumb.size <= THUMB_BYTES);
  const isWave = wave === null || wave.length === WAVE_BYTES;
  if (!isThumb || !isWave) throw new AppError("bad_request", "hints");
  return {
    width,
    height,
    duration_ms: durationMs,
    thumb: thumb && toBase64url(new Uint8Array(await thumb.arrayBuffer())),
    wave: wave && toBase64url(wave),
  };
}

/**
 * @param {FileRecord} record
 * @param {number} index
 * @param {Status} status
 * @returns {Attachment}
 */
export function toAttachment(record, index, status) {
  const { size, width, height, thumb, wave } = record;
  return {
    index,
    name: toFileName(record.name),
    mime: typeOf(record),
    size,
    show: showOf(record),
    width,
    height,
    durationMs: record.duration_ms,
    thumb: thumb === null ? null : new Blob([fromBase64url(thumb)], { type: "image/jpeg" }),
    wave: wave === null ? null : fromBase64url(wave, WAVE_BYTES),
    ...status,
  };
}

/**
 * What is handed out: a type that the page shows in place, or octets that nothing runs (S-33).
 * @param {FileRecord} record
 * @param {Blob} content verified
 */
export function toFile(record, content) {
  const type = showOf(record) === "file" ? "application/octet-stream" : typeOf(record);
  return new File([content], toFileName(record.name), { type });
}

/**
 * @param {FileRecord} record
 * @returns {Attachment["show"]}
 */
function showOf(record) {
  const show = SHOWN.get(typeOf(record));
  if (show === "audio" && record.wave !== null) return "voice";
  return show ?? "file";
}

/** @param {FileRecord} record */
function typeOf({ mime }) {
  const type = toMediaType(mime);
  return ALIASES.get(type) ?? type;
}
