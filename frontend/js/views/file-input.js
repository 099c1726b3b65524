/** @import { Component } from "../ui/dom.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";

/**
 * The button that asks for files. Nothing is said about their type, so a phone offers its camera and its photos as well.
 * @param {(files: File[]) => void} onFiles
 * @returns {Pick<Component<never>, "el">}
 */
export function fileInput(onFiles) {
  const input = h("input", {
    type: "file",
    multiple: true,
    hidden: true,
    on: {
      change: () => {
        const files = [...(input.files ?? [])];
        // The same file may be chosen again.
        input.value = "";
        if (files.length > 0) onFiles(files);
      },
    },
  });
  const ask = button({
    label: t("attachment.attach"),
    icon: "attach",
    iconOnly: true,
    kind: "quiet",
    testId: "attach-file",
    onClick: () => input.click(),
  });
  return { el: h("span", { class: "file-input" }, ask.el, input) };
}
