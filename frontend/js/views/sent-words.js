/**
 * What went, in words: how far it is and what became of it.
 */

/** @import { SentTransfer } from "../session/types.js" */
import { formatDate, formatTime } from "../ui/format.js";
import { plural, t } from "../ui/i18n.js";
import { unsentWords } from "./transfer-words.js";

/**
 * @param {SentTransfer} transfer
 * @returns {string} for whom; who accepted stands behind the address, for their name is theirs to choose, and what
 *   stands first is never cut off
 */
export function recipientWords({ to, name }) {
  if (to.kind === "link") return t("transfers.anyone");
  if (to.kind === "person") return name;
  return name === "" ? to.email : t("transfers.accepted_by", { email: to.email, name });
}

/**
 * @param {SentTransfer} transfer
 * @param {{ nowMs: number, isOnline: boolean }} now
 */
export function sentWords(transfer, { nowMs, isOnline }) {
  const { state, failure, files } = transfer;
  if (state === "failed") return unsentWords(failure ?? "internal");
  if (state === "open") return openWords(transfer, nowMs);
  if (state === "uploading" && !isOnline) return t("transfers.offline");
  const isQueued = state === "uploading" && files.every((file) => file.state === "waiting");
  return t(isQueued ? "transfers.queued" : `transfers.state_${state}`);
}

/**
 * @param {SentTransfer} transfer
 * @param {number} nowMs
 */
function openWords({ to, accepted, sealed, downloads, downloadedMs, maxDownloads }, nowMs) {
  if (downloadedMs !== null) {
    const [date, time] = [formatDate(downloadedMs, nowMs), formatTime(downloadedMs)];
    return t("transfers.fetched", { date, time });
  }
  if (to.kind === "person") return t("transfers.not_fetched");
  if (accepted) return t(sealed ? "transfers.accepted_sealed" : "transfers.accepted_sealing");
  if (maxDownloads !== null) {
    return plural("transfers.downloads_of", maxDownloads, { done: downloads });
  }
  if (downloads > 0) return plural("transfers.downloads", downloads);
  return t(to.kind === "address" ? "transfers.not_accepted" : "transfers.not_downloaded");
}
