/** @import { Part } from "./files.js" */
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { formatPercent } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { fileCard } from "./file-card.js";

/**
 * A file being worked on.
 * @param {object} options
 * @param {File} options.file
 * @param {string} options.title
 * @param {() => void} options.onCancel
 * @returns {Part & { update: (model: { doneBytes: number, totalBytes: number }) => void }}
 */
export function fileWork({ file, title, onCancel }) {
  const bar = h("progress", { max: "1", value: "0", "aria-label": title });
  const percent = h("span", { class: "caption muted" }, formatPercent(0));
  const cancel = button({ label: t("action.cancel"), testId: "file-cancel", onClick: onCancel });
  const el = h(
    "section",
    { class: "file-step", "data-testid": "file-work" },
    h("h2", { tabindex: "-1" }, title),
    fileCard(file),
    h("div", { class: "progress" }, bar, percent),
    h("p", { class: "caption muted" }, t("files.stay")),
    cancel.el,
  );
  return {
    el,
    update({ doneBytes, totalBytes }) {
      const done = totalBytes === 0 ? 1 : doneBytes / totalBytes;
      setAttribute(bar, "value", done);
      setText(percent, formatPercent(done));
    },
    destroy() {},
  };
}
