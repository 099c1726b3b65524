import { AppError } from "../lib/errors.js";
import { Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";

/** Codes that have a sentence of their own: what happened, what was kept, what to do. */
const SAID = new Set([
  "bad_code",
  "bad_link",
  "bad_credentials",
  "bad_recovery_code",
  "code_expired",
  "conflict",
  "disk_full",
  "draft_ended",
  "empty",
  "file_changed",
  "forbidden",
  "gone",
  "identity_changed",
  "not_contact",
  "not_found",
  "offline",
  "quota_full",
  "quota_full_daily",
  "quota_full_pending",
  "quota_full_transfers",
  "rate_limited",
  "reauthenticate",
  "storage_failed",
  "storage_full",
  "too_large",
  "too_long",
  "unavailable",
  "used_up",
  "weak_password",
  "wrong_password",
]);

/**
 * @param {unknown} error
 * @returns {string} "" when a field has said it already
 */
export function errorText(error) {
  if (error instanceof Unsent) return "";
  return codeText(errorCode(error));
}

/**
 * @param {string} code
 * @returns {string}
 */
export function codeText(code) {
  return t(SAID.has(code) ? `error.${code}` : "error.internal", { code });
}

/**
 * @param {unknown} error
 * @returns {string} "internal" for anything that is not ours
 */
export function errorCode(error) {
  return error instanceof AppError ? error.code : "internal";
}
