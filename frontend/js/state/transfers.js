/** Questions about transfers; pure. */

/** @import { ReceivedTransfer, TransferItem, TransferLists } from "../session/types.js" */

/** Fetched, or nothing that could be fetched. The server says later that all of it was. */
const SETTLED = new Set(["done", "damaged", "wrong-sender", "gone"]);

/**
 * @param {TransferLists} lists
 * @returns {number} received ones that wait for an answer or have not been fetched: what the badge counts
 */
export function newTransfers(lists) {
  return (lists?.received ?? []).filter(isNew).length;
}

/** @param {ReceivedTransfer} transfer */
function isNew({ state, refusal, downloadedMs, files }) {
  if (state === "offered") return true;
  const isWanted = state === "sealed" && refusal === null && downloadedMs === null;
  return isWanted && files.some((file) => !SETTLED.has(file.state));
}

/**
 * @param {readonly TransferItem[]} files
 * @returns {{ doneBytes: number, totalBytes: number }} of all of them together
 */
export function sumOf(files) {
  return files.reduce(
    (sum, file) => ({
      doneBytes: sum.doneBytes + (file.state === "done" ? file.sizeBytes : file.doneBytes),
      totalBytes: sum.totalBytes + file.sizeBytes,
    }),
    { doneBytes: 0, totalBytes: 0 },
  );
}
