/** @import { Person } from "../session/types.js" */
import { formatAgo } from "../ui/format.js";
import { t } from "../ui/i18n.js";

/**
 * @param {Pick<Person, "presence" | "lastSeenMs">} person
 * @param {number} nowMs
 * @returns {string} "Online", "Away", "Active 5 minutes ago", "" when nothing is known or it is switched off
 */
export function presenceText({ presence, lastSeenMs }, nowMs) {
  if (presence !== "offline") return t(`presence.${presence}`);
  return lastSeenMs === null ? "" : t("presence.seen", { ago: formatAgo(lastSeenMs, nowMs) });
}
