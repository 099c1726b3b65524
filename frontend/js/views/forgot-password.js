/** @import { AccountScreen, App } from "./types.js" */
import { button } from "../ui/button.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { knownEmail, stepped, steppedBack } from "../state/session.js";
import { accountFrame } from "./account-frame.js";
import { codeForm } from "./code-form.js";
import { errorText } from "./error-text.js";
import { passwordField } from "./password-field.js";
import { requireEmail } from "./required.js";

/**
 * Ask for a code to choose a new password with.
 * @param {App} app
 * @returns {AccountScreen}
 */
export function forgotPassword(app) {
  const email = field({
    label: t("account.email"),
    type: "email",
    inputMode: "email",
    autocomplete: "username",
    testId: "forgot-email",
    value: knownEmail(app.store.get().session),
  });
  const submit = button({
    label: t("forgot.submit"),
    kind: "primary",
    type: "submit",
    testId: "forgot-submit",
  });
  const { el } = form({
    fields: [email.el],
    submit,
    onSubmit: async () => {
      requireEmail(email);
      const asked = { email: email.value() };
      const step = await app.engine.call("forgotPassword", asked);
      app.store.set(stepped, step, { flow: "forgot-password", ...asked, nowMs: app.nowMs() });
    },
    errorText,
  });
  return {
    el: accountFrame({
      title: t("forgot.title"),
      text: t("forgot.text"),
      back: { label: t("action.back"), href: app.router.href("log-in") },
      body: [el],
    }),
    destroy() {},
  };
}

/**
 * The code and the new password together.
 * @param {App} app
 * @param {{ email: string }} asked
 * @returns {AccountScreen}
 */
export function resetPassword(app, { email }) {
  const password = passwordField(app, {
    label: t("account.new_password"),
    testId: "reset-password",
    about: () => ({ email }),
  });
  const code = codeForm(app, {
    label: t("forgot.reset"),
    fields: [password.el],
    onCode: async (digits) => {
      const asked = { code: digits, password: password.value() };
      const step = await app.engine.call("resetPassword", asked);
      app.toast({ text: t("forgot.done") });
      app.store.set(stepped, step, { flow: "forgot-password", email, nowMs: app.nowMs() });
    },
    explain: password.explain,
  });
  return {
    el: accountFrame({
      title: t("forgot.reset_title"),
      text: t("forgot.reset_text", { email }),
      back: { label: t("code.back"), onClick: () => app.store.set(steppedBack) },
      body: [code.el],
    }),
    destroy: () => {
      password.destroy();
      code.destroy();
    },
  };
}
