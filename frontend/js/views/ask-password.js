/** @import { App } from "./types.js" */
import { button } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { errorCode, errorText } from "./error-text.js";
import { requireText } from "./required.js";

/**
 * Ask for the password before something only its owner may do. The dialog stays until it worked or was given up.
 * @param {App} app
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text
 * @param {string} options.confirm
 * @param {boolean} [options.danger]
 * @param {(password: string) => Promise<void>} options.onPassword
 */
export function askPassword(app, { title, text, confirm, danger = false, onPassword }) {
  const { me } = app.store.get();
  const password = field({
    label: t("account.password"),
    type: "password",
    autocomplete: "current-password",
    testId: "confirm-password",
  });
  const submit = button({
    label: confirm,
    kind: danger ? "danger" : "primary",
    type: "submit",
    testId: "confirm-password-submit",
  });
  const cancel = button({
    label: t("action.cancel"),
    kind: "quiet",
    onClick: () => dialog.close(),
  });
  const { el } = form({
    fields: [
      // Password managers want to see whose password it is.
      h("input", {
        type: "text",
        autocomplete: "username",
        hidden: true,
        readonly: true,
        value: me?.email,
      }),
      password.el,
    ],
    submit,
    after: [cancel.el],
    onSubmit: async () => {
      requireText(password, t("account.password_missing"));
      await onPassword(password.value());
      dialog.close();
    },
    errorText: (error) => {
      if (!["wrong_password", "bad_credentials"].includes(errorCode(error)))
        return errorText(error);
      password.update({ error: t("error.wrong_password") });
      password.input.focus();
      return "";
    },
  });
  const dialog = openDialog({
    title,
    body: [h("p", null, text), el],
    onClose: password.destroy,
  });
}
