/** Checks before anything is sent; the field says what is wrong and gets the focus. */

/** @import { field } from "../ui/field.js" */
import { Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";

/** Browsers let stray dots pass, the server and mail do not (RFC 5322 dot-atom). */
const DOTS_IN_PLACE = /^[^.@]+(?:\.[^.@]+)*@/;

/**
 * @param {ReturnType<typeof field>} input
 * @param {string} error
 */
export function requireText(input, error) {
  if (input.value().trim() !== "") return;
  input.update({ error });
  input.input.focus();
  throw new Unsent();
}

/** @param {ReturnType<typeof field>} email */
export function requireEmail(email) {
  email.input.value = email.value().trim();
  if (email.input.validity.valid && DOTS_IN_PLACE.test(email.value())) return;
  email.update({ error: t("account.email_wrong") });
  email.input.focus();
  throw new Unsent();
}
