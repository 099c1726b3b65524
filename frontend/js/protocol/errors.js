/**
 * The error and close codes of the server, mirror of protocol/errors.py (a test compares them), and the
 * error that stands for a refusal.
 */

import { AppError } from "../lib/errors.js";

export const ErrorCode = Object.freeze({
  BAD_REQUEST: "bad_request",
  UNSUPPORTED: "unsupported",
  WEAK_KDF: "weak_kdf",
  BAD_KEY: "bad_key",
  BAD_SIGNATURE: "bad_signature",
  BAD_CODE: "bad_code",
  CODE_EXPIRED: "code_expired",
  UNAUTHENTICATED: "unauthenticated",
  TOKEN_EXPIRED: "token_expired",
  TOKEN_REUSED: "token_reused",
  SESSION_REVOKED: "session_revoked",
  BAD_CREDENTIALS: "bad_credentials",
  FORBIDDEN: "forbidden",
  BAD_ORIGIN: "bad_origin",
  NOT_CONTACT: "not_contact",
  NOT_ENROLLED: "not_enrolled",
  REAUTHENTICATE: "reauthenticate",
  NOT_FOUND: "not_found",
  METHOD_NOT_ALLOWED: "method_not_allowed",
  CONFLICT: "conflict",
  STALE_DEVICES: "stale_devices",
  LIST_ROLLBACK: "list_rollback",
  PREKEY_REUSED: "prekey_reused",
  TOO_LARGE: "too_large",
  UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
  MISDIRECTED: "misdirected",
  BAD_PART: "bad_part",
  BAD_RANGE: "bad_range",
  BAD_GRANT: "bad_grant",
  BAD_LINK: "bad_link",
  USED_UP: "used_up",
  INCOMPLETE: "incomplete",
  QUOTA_FULL: "quota_full",
  RATE_LIMITED: "rate_limited",
  INTERNAL: "internal",
  UNAVAILABLE: "unavailable",
  STORAGE_FULL: "storage_full",
});

export const CloseCode = Object.freeze({
  COME_BACK: 1012,
  BAD_FRAMES: 4400,
  SESSION_ENDED: 4401,
  AUTHENTICATION_TIMEOUT: 4408,
  SILENT: 4409,
  TOO_SLOW: 4008,
  TOO_MANY: 4429,
});

/** Limits of `quota_full` that have a code of their own here: what to do differs. */
const LIMITS = ["daily", "pending", "transfers"];

/** The server said no. */
export class RefusedError extends AppError {
  /**
   * @param {{ code: string, request_id?: string | undefined, retry_after_ms?: number | undefined,
   *   limit?: string | undefined, users?: string[] | undefined }} refusal
   */
  constructor({ code, limit = "", request_id: requestId = "", ...more }) {
    const { retry_after_ms: retryAfterMs = 0, users = [] } = more;
    super(LIMITS.includes(limit) ? `${code}_${limit}` : code, requestId);
    this.name = "RefusedError";
    /** @readonly how long the server wants to be left alone; 0 when it did not say */
    this.retryAfterMs = retryAfterMs;
    /** @readonly whose device lists have to be fetched again */
    this.users = users;
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 * @returns {error is RefusedError} whether the server said no for this reason
 */
export function isRefused(error, code) {
  return error instanceof RefusedError && error.code === code;
}
