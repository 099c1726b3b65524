/** @import { ReportReason } from "../session/link-types.js" */
import { REPORT_CHARS } from "../protocol/limits.js";
import { button } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { select } from "../ui/select.js";
import { errorText } from "./error-text.js";

const REASONS = /** @type {const} */ (["malware", "illegal", "harassment", "other"]);

/**
 * Tell the operator that something is wrong with a link, knowing what they get to see.
 * @param {(reason: ReportReason, text: string) => Promise<void>} onReport
 */
export function openLinkReport(onReport) {
  const reason = select({
    label: t("link.report_reason"),
    options: REASONS.map((value) => ({ value, label: t(`link.report_${value}`) })),
    testId: "link-report-reason",
  });
  const text = h("textarea", {
    id: "link-report-text",
    rows: 4,
    maxlength: REPORT_CHARS,
    dir: "auto",
    "data-testid": "link-report-text",
  });
  const more = h(
    "div",
    { class: "field" },
    h("label", { for: text.id }, t("link.report_more")),
    h("div", { class: "control" }, text),
  );
  const { el } = form({
    fields: [reason.el, more, h("p", { class: "small muted" }, t("link.report_knows"))],
    submit: button({
      label: t("link.report_send"),
      kind: "danger",
      type: "submit",
      testId: "link-report-send",
    }),
    after: [button({ label: t("action.cancel"), kind: "quiet", onClick: () => dialog.close() }).el],
    async onSubmit() {
      await onReport(/** @type {ReportReason} */ (reason.value()), text.value.trim());
      const done = button({
        label: t("action.close"),
        kind: "primary",
        onClick: () => dialog.close(),
      });
      el.replaceWith(
        h("div", { class: "form" }, h("p", { role: "status" }, t("link.reported")), done.el),
      );
      done.el.focus();
    },
    errorText,
  });
  const dialog = openDialog({ title: t("link.report_title"), body: [el] });
}
