/** @import { Component } from "../ui/dom.js" */
import { button } from "../ui/button.js";
import { field } from "../ui/field.js";
import { form, Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { errorText } from "./error-text.js";

/**
 * Ask for the passphrase of a link. What was typed stays when it was wrong, to be put right.
 * @param {(passphrase: string) => Promise<void>} onOpen
 * @returns {Component<{ isWrong: boolean }>}
 */
export function linkPassphrase(onOpen) {
  const passphrase = field({
    label: t("link.passphrase"),
    type: "password",
    hint: t("link.passphrase_hint"),
    testId: "link-passphrase",
  });
  const { el } = form({
    fields: [passphrase.el],
    submit: button({
      label: t("files.open"),
      kind: "primary",
      type: "submit",
      testId: "link-open",
    }),
    async onSubmit() {
      if (passphrase.value() === "") {
        passphrase.update({ error: t("link.passphrase_missing") });
        throw new Unsent();
      }
      await onOpen(passphrase.value());
    },
    errorText,
  });
  return {
    el,
    update({ isWrong }) {
      passphrase.update({ error: isWrong ? t("link.passphrase_wrong") : null });
      if (isWrong) passphrase.input.select();
    },
    destroy: passphrase.destroy,
  };
}
