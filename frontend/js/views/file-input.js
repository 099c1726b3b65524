/** @import { ButtonOptions } from "../ui/button.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { MenuItem } from "../ui/menu.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { openMenu } from "../ui/menu.js";

/**
 * The button that asks for files. Nothing is said about their type, so a phone offers its camera and its photos as well.
 * @param {(files: File[]) => void} onFiles
 * @param {Pick<ButtonOptions, "label" | "icon" | "iconOnly" | "kind" | "testId">} [look]
 * @param {readonly MenuItem[]} [others] ways to come by a file, beside which choosing one stands in a menu
 * @returns {Pick<Component<never>, "el">}
 */
export function fileInput(onFiles, look = attach(), others = []) {
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
  const choose = () => input.click();
  const files = { label: t("attachment.choose"), icon: "file", onSelect: choose };
  const open = () => openMenu(ask.el, [files, ...others], look.label);
  const ask = button({ ...look, onClick: others.length === 0 ? choose : open });
  if (others.length > 0) ask.el.setAttribute("aria-haspopup", "menu");
  return { el: h("span", { class: "file-input" }, ask.el, input) };
}

/** @returns {ButtonOptions} as it stands beside an input */
function attach() {
  const label = t("attachment.attach");
  return { label, icon: "attach", iconOnly: true, kind: "quiet", testId: "attach-file" };
}
