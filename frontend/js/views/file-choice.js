/** @import { Part } from "./files.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";

/**
 * The beginning: one file, chosen or dropped.
 * @param {{ onFile: (file: File) => void }} options
 * @returns {Part}
 */
export function fileChoice({ onFile }) {
  const input = h("input", {
    type: "file",
    class: "visually-hidden",
    tabindex: "-1",
    "aria-hidden": "true",
    "data-testid": "file-input",
    on: {
      change: () => {
        const file = input.files?.[0];
        if (file !== undefined) onFile(file);
      },
    },
  });
  const choose = button({
    label: t("files.choose"),
    kind: "primary",
    testId: "file-choose",
    onClick: () => input.click(),
  });
  const el = h(
    "section",
    { class: "file-choice" },
    h("span", { class: "mark" }, icon("file-seal", { size: "large" })),
    h("p", null, t("files.intro")),
    choose.el,
    h("p", { class: "caption muted" }, t("files.choose_hint")),
    input,
  );
  return { el, destroy() {} };
}
