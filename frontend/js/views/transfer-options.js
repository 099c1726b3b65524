/** @import { App } from "./types.js" */
/** @import { TransferTo } from "../session/types.js" */
import { TRANSFER_DOWNLOADS } from "../protocol/limits.js";
import { requirePassphrase } from "../session/passphrase.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { Unsent } from "../ui/form.js";
import { plural, t } from "../ui/i18n.js";
import { select } from "../ui/select.js";
import { switchRow } from "../ui/switch-row.js";
import { passwordField } from "./password-field.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LIVES = [
  { ms: 7 * DAY_MS, label: () => plural("left.days", 7) },
  { ms: 3 * DAY_MS, label: () => plural("left.days", 3) },
  { ms: DAY_MS, label: () => plural("left.days", 1) },
  { ms: HOUR_MS, label: () => plural("left.hours", 1) },
];
const ANOTHER = "another";
const LIMITS = ["", "1", "5", ANOTHER];

/** @typedef {{ livesMs: number, maxDownloads: number | null, passphrase: string | null, signed: boolean }} Wishes */

/**
 * How long files stay, how often they may be fetched, and what a link says and asks for.
 * @param {App} app
 */
export function transferOptions(app) {
  const life = select({
    label: t("transfers.lives"),
    options: LIVES.map(({ ms, label }) => ({ value: String(ms), label: label() })),
    testId: "transfer-lives",
  });
  const limit = select({
    label: t("transfers.limit"),
    options: LIMITS.map((value) => ({ value, label: limitWords(value) })),
    hint: t("transfers.limit_hint"),
    testId: "transfer-limit",
    onChange: draw,
  });
  const number = field({
    label: t("transfers.limit_number"),
    inputMode: "numeric",
    testId: "transfer-limit-number",
  });
  const passphrase = passwordField(app, {
    label: t("transfers.passphrase"),
    testId: "transfer-passphrase",
    isShared: true,
  });
  const signing = switchRow({
    label: t("transfers.signed"),
    text: t("transfers.signed_text"),
    onChange: (on) => {
      signed = on;
    },
  });
  const forLink = h("div", { class: "stack" }, passphrase.el, signing.el);
  const limits = h("div", { class: "limits" }, life.el, limit.el, number.el);
  let signed = true;

  function draw() {
    number.el.hidden = limit.value() !== ANOTHER;
    if (!number.el.hidden) number.input.focus();
  }

  /** @returns {number | null} */
  function requireLimit() {
    const typed = limit.value() === ANOTHER ? number.value().trim() : limit.value();
    if (limit.value() === "") return null;
    const count = /^\d{1,6}$/.test(typed) ? Number(typed) : 0;
    if (count >= 1 && count <= TRANSFER_DOWNLOADS) return count;
    number.update({ error: t("transfers.limit_wrong", { most: TRANSFER_DOWNLOADS }) });
    number.input.focus();
    throw new Unsent();
  }

  /** @returns {string | null} */
  function typedPassphrase() {
    const typed = passphrase.value();
    if (typed === "") return null;
    try {
      requirePassphrase(typed);
    } catch (error) {
      refuse(error);
    }
    return typed;
  }

  /**
   * @param {unknown} error about the passphrase
   * @returns {never}
   */
  function refuse(error) {
    passphrase.explain(error);
    throw new Unsent();
  }

  function reset() {
    passphrase.destroy();
    signed = true;
    signing.update({ on: true });
  }

  reset();
  draw();
  return {
    el: h("div", { class: "stack" }, limits, forLink),
    /** @param {TransferTo["kind"]} kind */
    update(kind) {
      forLink.hidden = kind === "person";
    },
    /**
     * @param {TransferTo["kind"]} kind
     * @returns {Wishes}
     * @throws {Unsent} when something is wrong, which is said
     */
    require(kind) {
      const livesMs = Number(life.value());
      const maxDownloads = requireLimit();
      if (kind === "person") return { livesMs, maxDownloads, passphrase: null, signed: true };
      return { livesMs, maxDownloads, passphrase: typedPassphrase(), signed };
    },
    refuse,
    /** No passphrase stays for the next transfer. */
    reset,
    destroy: passphrase.destroy,
  };
}

/** @param {string} value */
function limitWords(value) {
  if (value === "") return t("transfers.limit_none");
  return value === ANOTHER
    ? t("transfers.limit_another")
    : plural("transfers.times", Number(value));
}
