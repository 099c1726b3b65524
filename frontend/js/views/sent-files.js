/** @import { App } from "./types.js" */
/** @import { FilesTab } from "./files.js" */
import { button } from "../ui/button.js";
import { emptyState } from "../ui/empty-state.js";
import { t } from "../ui/i18n.js";
import { sentTransfer } from "./sent-transfer.js";
import { transferList } from "./transfer-list.js";

/**
 * What one has sent, newest first, and what became of it.
 * @param {App} app
 * @returns {FilesTab}
 */
export function sentFiles(app) {
  /** @type {string | null} the one that has just been sent, until it is in the list */
  let fresh = null;
  const begin = button({
    label: t("transfers.new"),
    icon: "plus",
    onClick: () => app.router.go("files-new"),
  });
  const list = transferList(app, {
    testId: "transfers-sent",
    label: t("files.tab_files-sent"),
    nothing: emptyState({
      icon: "send",
      title: t("transfers.sent_empty_title"),
      text: t("transfers.sent_empty_text"),
      body: [begin.el],
    }),
    pick: ({ sent }) => sent,
    create: (transfer) => {
      const row = sentTransfer(app, transfer);
      if (transfer.id === fresh) lead(row);
      return row;
    },
  });

  /** @param {ReturnType<typeof sentTransfer>} row */
  function lead(row) {
    fresh = null;
    // After it stands in the page, without which nothing in it can take the focus.
    requestAnimationFrame(() => row.focus());
  }

  return {
    ...list,
    reveal(id) {
      fresh = id;
      const row = list.get(id);
      if (row !== undefined) lead(/** @type {ReturnType<typeof sentTransfer>} */ (row));
    },
  };
}
