/** @import { Part } from "./files.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form, Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { errorText } from "./error-text.js";
import { fileCard } from "./file-card.js";

/**
 * Ask for the passphrase of a sealed file.
 * @param {object} options
 * @param {File} options.file
 * @param {boolean} options.wrong the last one did not open it
 * @param {(passphrase: string) => void} options.onOpen
 * @param {() => void} options.onBack
 * @returns {Part}
 */
export function filePassphrase({ file, wrong, onOpen, onBack }) {
  const passphrase = field({
    label: t("files.passphrase"),
    type: "password",
    hint: t("files.passphrase_hint"),
    testId: "file-passphrase",
  });
  if (wrong) passphrase.update({ error: t("files.wrong_passphrase") });
  const submit = button({
    label: t("files.open"),
    kind: "primary",
    type: "submit",
    testId: "file-open",
  });
  const back = button({ label: t("action.cancel"), kind: "quiet", onClick: onBack });
  const body = form({
    fields: [passphrase.el],
    submit,
    after: [back.el],
    async onSubmit() {
      if (passphrase.value() === "") throw new Unsent();
      onOpen(passphrase.value());
    },
    errorText,
  });
  const title = h("h2", { tabindex: "-1" }, t("files.passphrase_title"));
  return {
    el: h("section", { class: "file-step" }, title, fileCard(file), body.el),
    destroy: passphrase.destroy,
  };
}
