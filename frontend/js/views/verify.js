/** @import { App } from "./types.js" */
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";

/**
 * Compare the safety number with a contact.
 * @param {App} app
 * @param {string} user
 */
export async function openVerify(app, user) {
  const number = await act(app, "safetyNumber", { user });
  if (number === null) return;
  openDialog({
    title: t("verify.title"),
    body: [h("p", { "data-testid": "safety-number" }, number.groups.join(" "))],
  });
}
