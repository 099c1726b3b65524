/** What the page of a link and its worker say to each other; errors travel as codes. */

/** @typedef {{ name: string, mime: string, sizeBytes: number }} LinkFile */
/**
 * What a link holds. `from` is what the link itself says, `fingerprint` six groups of five digits;
 * `downloadsLeft` is null without a limit, and counts this visit as long as nothing was fetched.
 * @typedef {object} LinkContent
 * @property {LinkFile[]} files
 * @property {{ name: string, fingerprint: string } | null} from
 * @property {number} expiresMs
 * @property {number | null} downloadsLeft
 */
/** @typedef {"malware" | "illegal" | "harassment" | "other"} ReportReason */

/**
 * A file is handed out when its last byte has been verified, and never otherwise.
 * @typedef {object} LinkCalls
 * @property {[{ transfer: string, fragment: string, download: string }, { hasPassphrase: boolean }]} look
 *   `download` is 16 random bytes, base64url: the same again is the same download. `malformed` for what is
 *   no link, `unsupported` for one of another version, `not_found`
 * @property {[{ passphrase: string | null }, LinkContent]} open `bad_link` for another secret or
 *   passphrase, `damaged` for contents that are not as they were made, `unsupported`, `kdf_failed`
 * @property {[{ index: number }, { file: File }]} fetch `damaged`, `used_up`, `not_found`, `disk_full`,
 *   `cancelled`
 * @property {[{ index: number }, {}]} cancel
 * @property {[{ reason: ReportReason, text: string }, {}]} report
 */
/**
 * `waiting` is told when nothing answers or the server asks for patience; progress ends it.
 * @typedef {object} LinkEvents
 * @property {{ index: number, doneBytes: number, totalBytes: number }} progress
 * @property {{ index: number }} waiting
 */
/**
 * @typedef {object} LinkEngine
 * @property {<N extends keyof LinkCalls>(name: N, argument: LinkCalls[N][0]) => Promise<LinkCalls[N][1]>} call
 *   rejects with AppError
 * @property {<N extends keyof LinkEvents>(name: N, fn: (value: LinkEvents[N]) => void) => () => void} on
 *   returns what ends it
 */

export {};
