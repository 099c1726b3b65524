/** @import { App } from "./types.js" */
/** @import { FilesTab } from "./files.js" */
import { emptyState } from "../ui/empty-state.js";
import { t } from "../ui/i18n.js";
import { receivedTransfer } from "./received-transfer.js";
import { transferList } from "./transfer-list.js";

/**
 * What others have sent, newest first.
 * @param {App} app
 * @returns {FilesTab}
 */
export function receivedFiles(app) {
  return transferList(app, {
    testId: "transfers-received",
    label: t("files.tab_files"),
    nothing: emptyState({
      icon: "download",
      title: t("transfers.received_empty_title"),
      text: t("transfers.received_empty_text"),
    }),
    pick: ({ received }) => received,
    create: (transfer) => receivedTransfer(app, transfer),
  });
}
