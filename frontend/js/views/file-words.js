/**
 * What the engine found out about a file, in words.
 */

/** @import { Outcome } from "./file-outcome.js" */
/** @import { FileOrigin, OpenFileResult, People, SealFor } from "../session/types.js" */
import { formatDate } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { personById } from "../state/people.js";

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
    compare: comparable(origin),
  };
}

/**
 * @param {FileOrigin} origin
 * @returns {string | null} with whom to compare the safety number, which would say more than is known
 */
export function comparable({ kind, user, verified }) {
  return kind === "known" && !verified ? user : null;
}

/**
 * @param {FileOrigin} origin as it was when the file was judged
 * @param {People | null} people
 * @returns {FileOrigin} as it is since the safety number was compared
 */
export function originNow(origin, people) {
  const person = origin.kind === "known" ? personById(people, origin.user ?? "") : undefined;
  return person === undefined ? origin : { ...origin, verified: person.identity === "verified" };
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
