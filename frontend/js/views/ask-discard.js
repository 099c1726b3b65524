import { confirmDialog } from "../ui/dialog.js";
import { t } from "../ui/i18n.js";

/**
 * Ask before something goes that may be nowhere else.
 * @param {"files" | "recording" | "sending"} what files of a message that was not sent, what was recorded and not sent
 *   yet, or a file on its way
 * @returns {Promise<boolean>}
 */
export function askDiscard(what) {
  return confirmDialog({
    title: t(`discard.${what}_title`),
    text: t(`discard.${what}_text`),
    confirm: t("message.discard"),
    dismiss: t("discard.not"),
    danger: true,
    testId: "discard-confirm",
  });
}
