/**
 * What came, in words: the verdict on each file, and what there is to know before one saves it.
 */

/** @import { FileOrigin, ReceivedTransfer, TransferItem } from "../session/types.js" */
import { formatBytes } from "../ui/format.js";
import { plural, t } from "../ui/i18n.js";
import { codeText } from "./error-text.js";
import { comparable } from "./file-words.js";
import { fileName } from "./transfer-words.js";

/**
 * title: the verdict on all of it. compare: with whom to compare the safety number.
 * @typedef {{ kind: "plain" | "careful" | "bad", title?: string, text: string, compare?: string | null }} Note
 */

/**
 * @param {TransferItem} file that is not moving
 * @param {{ name: string, origin: FileOrigin | null }} from who sent it, and what the signature says
 * @returns {string} its size, or what was found out about it
 */
export function receivedFileWords({ state, sizeBytes, failure }, { name, origin }) {
  if (state === "done") return t(`files.intact_${origin?.kind ?? "known"}`, { name });
  if (state === "failed") return codeText(failure ?? "internal");
  if (state === "damaged" || state === "wrong-sender") return t(`files.refused_${state}`, { name });
  if (state === "gone") return t("attachment.gone");
  if (state === "queued") return t("attachment.queued", { size: formatBytes(sizeBytes) });
  return formatBytes(sizeBytes);
}

/** @param {ReceivedTransfer} transfer that waits for an answer */
export function offerWords({ sender, files, totalBytes }) {
  const { displayName: name, friendCode: code } = sender;
  return plural("transfers.offer", files.length, { name, code, size: formatBytes(totalBytes) });
}

/**
 * @param {ReceivedTransfer} transfer
 * @returns {Note | null} the one thing worth saying beside its files
 */
export function receivedNote(transfer) {
  const { state, refusal, sender, files } = transfer;
  const name = sender.displayName;
  if (state === "offered") return { kind: "plain", text: t("transfers.offer_text", { name }) };
  if (state === "accepted") return { kind: "plain", text: t("transfers.accepted", { name }) };
  if (refusal !== null) {
    const title = t(`files.refused_${refusal}`, { name });
    return { kind: "bad", title, text: t(`files.refused_${refusal}_text`) };
  }
  return refusedNote(files) ?? originNote(transfer) ?? limitNote(transfer);
}

/**
 * @param {readonly TransferItem[]} files
 * @returns {Note | null} why the first that was refused was; it is named where it could be another
 */
function refusedNote(files) {
  const index = files.findIndex(({ state }) => state === "damaged" || state === "wrong-sender");
  const file = files[index];
  if (file === undefined) return null;
  const text = t(`files.refused_${file.state}_text`);
  return { kind: "bad", text, ...(files.length > 1 ? { title: fileName(file, index) } : {}) };
}

/**
 * @param {ReceivedTransfer} transfer
 * @returns {Note | null} when whoever signed is not somebody verified; of a contact, once there is something to judge
 */
function originNote({ origin, sender, files }) {
  if (origin === null || origin.kind === "own") return null;
  if (origin.kind === "known" && (origin.verified || !files.some(isDone))) return null;
  const text = t(`files.origin_${origin.kind}`, { name: sender.displayName });
  return { kind: "careful", text, compare: comparable(origin) };
}

/**
 * @param {ReceivedTransfer} transfer
 * @returns {Note | null}
 */
function limitNote({ downloadsLeft, downloadedMs, files }) {
  const hasBegun =
    downloadedMs !== null || files.some((file) => file.doneBytes > 0 || isDone(file));
  if (downloadsLeft === null || hasBegun) return null;
  if (downloadsLeft === 0) return { kind: "bad", text: t("error.used_up") };
  return { kind: "plain", text: plural("transfers.downloads_left", downloadsLeft) };
}

/** @param {TransferItem} file */
function isDone({ state }) {
  return state === "done";
}
