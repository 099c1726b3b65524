/** @import { Part } from "./files.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { fileCard } from "./file-card.js";

/**
 * good: as it should be. careful: whole, but look who it is from. bad: there is nothing to save.
 * @typedef {object} Outcome
 * @property {"good" | "careful" | "bad"} kind
 * @property {string} title the verdict
 * @property {string[]} texts a paragraph each
 * @property {string | null} [compare] with whom to compare the safety number
 */

const ICONS = Object.freeze({ good: "shield-check", careful: "info", bad: "alert" });

/**
 * How it ended, in words, and the result to save if there is one.
 * @param {object} options
 * @param {Outcome} options.outcome
 * @param {File} options.source what it was done to
 * @param {File | null} options.file what came of it
 * @param {() => void} options.onAgain
 * @param {(user: string) => void} options.onCompare
 * @param {(() => void) | null} options.onRetry null where a second try would end like the first
 * @returns {Part}
 */
export function fileOutcome({ outcome, source, file, onAgain, onCompare, onRetry }) {
  const { kind, title, texts, compare = null } = outcome;
  const url = file === null ? null : URL.createObjectURL(file);
  const verify = button({
    label: t("people.verify"),
    icon: "shield-check",
    testId: "file-compare",
    onClick: () => compare !== null && onCompare(compare),
  });
  verify.el.hidden = compare === null;
  const retry = button({
    label: t("transfers.retry"),
    icon: "refresh",
    kind: "primary",
    testId: "file-retry",
    onClick: () => onRetry?.(),
  });
  retry.el.hidden = onRetry === null;
  const again = button({ label: t("files.again"), testId: "file-again", onClick: onAgain });
  const el = h(
    "section",
    { class: "file-step file-outcome", "data-kind": kind, "data-testid": "file-outcome" },
    h(
      "div",
      { class: "verdict", role: "status" },
      icon(ICONS[kind], { size: "large" }),
      h("h2", { tabindex: "-1", "data-testid": "file-verdict" }, title),
      ...texts.map((text) => h("p", null, text)),
    ),
    fileCard(file ?? source),
    url !== null && file !== null && saveLink(url, file.name),
    retry.el,
    verify.el,
    again.el,
  );
  return {
    el,
    destroy() {
      if (url !== null) URL.revokeObjectURL(url);
    },
  };
}

/**
 * @param {string} url
 * @param {string} name
 */
function saveLink(url, name) {
  return h(
    "a",
    {
      class: "button",
      "data-kind": "primary",
      href: url,
      download: name,
      "data-testid": "file-save",
    },
    icon("download"),
    h("span", { class: "label" }, t("files.save")),
  );
}
