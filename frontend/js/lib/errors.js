/**
 * What can go wrong, as a caller may decide on it.
 *
 *     Error
 *     └── AppError          code: snake_case, of the server (protocol/errors.py) or of our own modules
 *         └── DecryptError  code "undecryptable", reason: one of six, shown as a row in the timeline
 *
 * `message` is for a developer; it never holds user content, key bytes or ids of other people.
 */

/**
 * @typedef {"no-session" | "duplicate" | "too-far" | "bad-signature" | "auth-failed" | "unsupported"} DecryptReason
 *
 * no-session: nothing here opens it · duplicate: opened before, drop silently · too-far: the sender is
 * more messages ahead than we skip · bad-signature: the sending device is not signed by the account ·
 * auth-failed: a tag, hash or commitment is wrong · unsupported: an unknown version, suite or kind.
 */

/** A failure with a code that a caller or a person can act on. */
export class AppError extends Error {
  /**
   * @param {string} code snake_case
   * @param {string} [detail] for a developer, without user data
   * @param {{ cause?: unknown }} [options]
   */
  constructor(code, detail = "", options = {}) {
    super(detail === "" ? code : `${code}: ${detail}`, options);
    this.name = "AppError";
    /** @readonly */
    this.code = code;
  }
}

/** A message or blob that could not be opened; the state it met is unchanged. */
export class DecryptError extends AppError {
  /**
   * @param {DecryptReason} reason
   * @param {number} [derivations] chain steps the attempt cost; above 100 it is charged (SEAL1 §4.5)
   */
  constructor(reason, derivations = 0) {
    super("undecryptable", reason);
    this.name = "DecryptError";
    /** @readonly */
    this.reason = reason;
    /** @readonly */
    this.derivations = derivations;
  }
}
