/**
 * What the page of a link says about each file.
 */

/** @import { Pace } from "../lib/pace.js" */
/** @import { LinkItem } from "../state/link.js" */
import { formatBytes } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { codeText } from "./error-text.js";
import { progressWords } from "./transfer-words.js";

/**
 * @param {LinkItem} item
 * @param {Pace | null} pace
 * @returns {string}
 */
export function linkItemWords({ state, sizeBytes, doneBytes, failure }, pace) {
  if (state === "moving") return progressWords({ doneBytes, totalBytes: sizeBytes }, pace);
  if (state === "stalled") return t("link.stalled");
  if (state === "done") return t("link.intact");
  if (state === "damaged") return t("attachment.damaged");
  if (state === "gone") return t("attachment.gone");
  if (state === "failed") return codeText(failure ?? "internal");
  return formatBytes(sizeBytes);
}
