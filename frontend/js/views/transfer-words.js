/**
 * Transfers in words, whoever sent them: what they hold, how long they stay, how far they are.
 */

/** @import { TransferItem } from "../session/types.js" */
/** @import { Pace } from "../lib/pace.js" */
import {
  formatBytes,
  formatDate,
  formatLeft,
  formatPercent,
  formatSpeed,
  formatTime,
} from "../ui/format.js";
import { plural, t } from "../ui/i18n.js";
import { codeText } from "./error-text.js";

/**
 * @param {{ state: string, files: readonly unknown[], totalBytes: number, expiresMs: number }} transfer
 * @param {number} nowMs
 * @returns {string[]} "2 files", "34 MB", "until 28 November, 14:05"; without the end once it has ended
 */
export function summaryParts({ state, files, totalBytes, expiresMs }, nowMs) {
  const what = [plural("attachment.files", files.length), formatBytes(totalBytes)];
  return state === "ended" ? what : [...what, untilWords(expiresMs, nowMs)];
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 */
function untilWords(atMs, nowMs) {
  const time = formatTime(atMs);
  if (new Date(atMs).toDateString() === new Date(nowMs).toDateString()) {
    return t("transfers.until_today", { time });
  }
  return t("transfers.until", { day: formatDate(atMs, nowMs), time });
}

/**
 * @param {string} code of an error
 * @returns {string} why something was not sent
 */
export function unsentWords(code) {
  if (code === "storage_full") return t("transfers.server_full");
  return code === "forbidden" ? t("transfers.links_off") : codeText(code);
}

/**
 * @param {TransferItem} file
 * @param {number} index
 */
export function fileName({ name }, index) {
  return name === "" ? t("transfers.unnamed", { number: index + 1 }) : name;
}

/**
 * @param {{ doneBytes: number, totalBytes: number }} progress
 * @param {Pace | null} pace
 * @returns {string} "42% of 3.4 MB · 1.2 MB/s · 3 minutes left"
 */
export function progressWords({ doneBytes, totalBytes }, pace) {
  const params = {
    percent: formatPercent(part(doneBytes, totalBytes)),
    size: formatBytes(totalBytes),
  };
  if (pace === null) return t("transfers.moving", params);
  const speed = formatSpeed(pace.bytesPerSecond);
  return t("transfers.moving_pace", { ...params, speed, left: formatLeft(pace.leftMs) });
}

/**
 * @param {number} doneBytes
 * @param {number} totalBytes
 * @returns {number} 0 … 1
 */
export function part(doneBytes, totalBytes) {
  return totalBytes === 0 ? 0 : Math.min(1, doneBytes / totalBytes);
}
