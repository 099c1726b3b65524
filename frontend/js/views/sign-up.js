/** @import { AccountScreen, App } from "./types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { knownEmail, stepped } from "../state/session.js";
import { accountFrame } from "./account-frame.js";
import { passwordField } from "./password-field.js";
import { requireEmail, requireText } from "./required.js";

/**
 * Step one of three: who, where, and the password.
 * @param {App} app
 * @returns {AccountScreen}
 */
export function signUp(app) {
  const name = field({
    label: t("account.name"),
    hint: t("account.name_hint"),
    autocomplete: "nickname",
    maxLength: 64,
    testId: "signup-name",
  });
  const email = field({
    label: t("account.email"),
    type: "email",
    inputMode: "email",
    autocomplete: "username",
    hint: t("account.email_hint"),
    testId: "signup-email",
    value: knownEmail(app.store.get().session),
  });
  const about = () => ({ email: email.value().trim(), displayName: name.value().trim() });
  const password = passwordField(app, {
    label: t("account.password"),
    testId: "signup-password",
    about,
  });
  const submit = button({
    label: t("sign_up.submit"),
    kind: "primary",
    type: "submit",
    testId: "signup-submit",
  });
  const { el } = form({
    fields: [name.el, email.el, password.el],
    submit,
    onSubmit: async () => {
      requireText(name, t("account.name_missing"));
      requireEmail(email);
      const asked = { ...about(), password: password.value() };
      const step = await app.engine.call("signUp", asked);
      app.store.set(stepped, step, { flow: "sign-up", email: asked.email, nowMs: app.nowMs() });
    },
    errorText: password.explain,
  });
  const already = h(
    "p",
    { class: "small" },
    t("sign_up.already"),
    " ",
    h("a", { href: app.router.href("log-in") }, t("welcome.log_in")),
  );
  return {
    el: accountFrame({
      title: t("sign_up.title"),
      text: t("sign_up.text"),
      step: 1,
      back: { label: t("action.back"), href: app.router.href("welcome") },
      body: [el, already],
    }),
    destroy: () => password.destroy(),
  };
}
