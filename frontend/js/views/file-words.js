/**
 * What the engine found out about a file, in words.
 */

/** @import { Outcome } from "./file-outcome.js" */
/** @import { FileOrigin, OpenFileResult, SealFor } from "../session/types.js" */
import { formatDate } from "../ui/format.js";
import { t } from "../ui/i18n.js";

/** @typedef {Extract<OpenFileResult, { verdict: "intact" }>} Intact */
/** @typedef {Exclude<OpenFileResult, Intact>} Refused */

/**
 * @param {SealFor} to
 * @param {string} name of the contact
 * @returns {Outcome}
 */
export function sealedWords(to, name) {
  return {
    kind: "good",
    title: t("files.sealed"),
    texts: [t(`files.sealed_${to.kind}`, { name })],
  };
}

/**
 * @param {Intact} opened
 * @param {number} nowMs
 * @returns {Outcome}
 */
export function intactWords({ origin, sealedMs }, nowMs) {
  const { kind, name, verified } = origin;
  const detail = kind === "known" && verified ? "verified" : kind;
  const when = t("files.sealed_on", { date: formatDate(sealedMs, nowMs) });
  return {
    kind: isPlain(origin) ? "good" : "careful",
    title: t(`files.intact_${kind}`, { name }),
    texts: [t(`files.origin_${detail}`, { name }), when],
  };
}

/**
 * @param {Refused} refused
 * @returns {Outcome}
 */
export function refusedWords({ verdict, name }) {
  const key = verdict === "wrong-sender" && name === "" ? "unknown-sender" : verdict;
  const texts = [t(`files.refused_${verdict}_text`)];
  return { kind: "bad", title: t(`files.refused_${key}`, { name }), texts };
}

/** @param {FileOrigin} origin */
function isPlain({ kind, verified }) {
  return kind === "own" || kind === "passphrase" || (kind === "known" && verified);
}
