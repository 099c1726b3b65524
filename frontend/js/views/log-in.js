/** @import { AccountScreen, App } from "./types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { knownEmail, stepped } from "../state/session.js";
import { accountFrame } from "./account-frame.js";
import { errorText } from "./error-text.js";
import { requireEmail, requireText } from "./required.js";

/**
 * @param {App} app
 * @returns {AccountScreen}
 */
export function logIn(app) {
  const { session } = app.store.get();
  const again = session.phase === "expired";
  const email = field({
    label: t("account.email"),
    type: "email",
    inputMode: "email",
    autocomplete: "username",
    testId: "login-email",
    value: knownEmail(session),
  });
  const password = field({
    label: t("account.password"),
    type: "password",
    autocomplete: "current-password",
    testId: "login-password",
  });
  const submit = button({
    label: t("log_in.submit"),
    kind: "primary",
    type: "submit",
    testId: "login-submit",
  });
  const { el } = form({
    fields: [email.el, password.el],
    submit,
    onSubmit: async () => {
      requireEmail(email);
      requireText(password, t("account.password_missing"));
      const asked = { email: email.value(), password: password.value() };
      const step = await app.engine.call("logIn", asked);
      app.store.set(stepped, step, { flow: "log-in", email: asked.email, nowMs: app.nowMs() });
    },
    errorText,
  });
  return {
    el: accountFrame({
      title: t(again ? "log_in.title_again" : "log_in.title"),
      text: t(again ? "log_in.text_again" : "log_in.text"),
      ...(again ? {} : { back: { label: t("action.back"), href: app.router.href("welcome") } }),
      body: [el, ways(app, again)],
    }),
    destroy: () => password.destroy(),
  };
}

/**
 * @param {App} app
 * @param {boolean} again
 */
function ways(app, again) {
  return h(
    "div",
    { class: "aside small" },
    h("p", null, h("a", { href: app.router.href("forgot-password") }, t("log_in.forgot"))),
    again
      ? null
      : h(
          "p",
          null,
          t("log_in.no_account"),
          " ",
          h("a", { href: app.router.href("sign-up") }, t("welcome.sign_up")),
        ),
  );
}
