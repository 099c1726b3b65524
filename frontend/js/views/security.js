/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
import { button } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { errorCode, errorText } from "./error-text.js";
import { passwordField } from "./password-field.js";
import { askPassword } from "./ask-password.js";
import { recoveryCard } from "./recovery.js";
import { requireText } from "./required.js";

/** @param {App} app */
export function securitySection(app) {
  const change = changePasswordForm(app);
  const locked = h("p", { class: "warning", hidden: true }, t("security.backup_locked"));
  const dispose = app.store.subscribe(
    (state) => state.me?.passwordOpensBackup ?? true,
    (opens) => {
      locked.hidden = opens;
      change.update({ needsCode: !opens });
    },
  );
  return {
    el: h("div", { class: "stack is-parted" }, locked, change.el, newRecoveryCode(app)),
    destroy() {
      dispose();
      change.destroy();
    },
  };
}

/**
 * After a reset by mail the password alone does not open the identity; the recovery code, given once more, mends that.
 * @param {App} app
 * @returns {Component<{ needsCode: boolean }>}
 */
function changePasswordForm(app) {
  const old = field({
    label: t("security.old_password"),
    type: "password",
    autocomplete: "current-password",
    testId: "old-password",
  });
  const next = passwordField(app, {
    label: t("account.new_password"),
    testId: "new-password",
    about: () => {
      const { me } = app.store.get();
      return me === null ? {} : { email: me.email, displayName: me.displayName };
    },
  });
  const code = field({
    label: t("unlock.code"),
    hint: t("security.code_hint"),
    code: true,
    testId: "security-code",
  });
  code.el.hidden = true;
  const submit = button({
    label: t("security.change"),
    kind: "primary",
    type: "submit",
    testId: "change-password-submit",
  });
  const { el } = form({
    fields: [h("h2", null, t("security.password_title")), old.el, next.el, code.el],
    submit,
    onSubmit: async () => {
      requireText(old, t("account.password_missing"));
      await app.engine.call("changePassword", {
        oldPassword: old.value(),
        newPassword: next.value(),
        ...(code.value().trim() === "" ? {} : { recoveryCode: code.value().trim() }),
      });
      code.input.value = "";
      old.destroy();
      next.destroy();
      app.toast({ text: t("security.changed") });
    },
    errorText: (error) => {
      if (errorCode(error) === "bad_recovery_code") {
        code.update({ error: errorText(error) });
        code.input.focus();
        return "";
      }
      if (!["wrong_password", "bad_credentials"].includes(errorCode(error))) {
        return next.explain(error);
      }
      old.update({ error: t("error.wrong_password") });
      old.input.focus();
      return "";
    },
  });
  return {
    el,
    update({ needsCode }) {
      code.el.hidden = !needsCode;
    },
    destroy() {
      old.destroy();
      next.destroy();
    },
  };
}

/** @param {App} app */
function newRecoveryCode(app) {
  const make = button({
    label: t("security.new_recovery"),
    icon: "key",
    onClick: () =>
      askPassword(app, {
        title: t("security.new_recovery"),
        text: t("security.new_recovery_ask"),
        confirm: t("security.new_recovery_confirm"),
        onPassword: async (password) => {
          const { recoveryCode } = await app.engine.call("newRecoveryCode", { password });
          showCode(app, recoveryCode);
        },
      }),
  });
  return h(
    "section",
    { class: "form" },
    h("h2", null, t("recovery.code")),
    h("p", { class: "muted small" }, t("security.new_recovery_text")),
    h("div", null, make.el),
  );
}

/**
 * @param {App} app
 * @param {string} recoveryCode
 */
function showCode(app, recoveryCode) {
  const kept = button({
    label: t("recovery.kept"),
    kind: "primary",
    onClick: () => dialog.close(),
  });
  const dialog = openDialog({
    title: t("security.new_recovery_done"),
    body: [h("p", null, t("recovery.text")), recoveryCard(app, recoveryCode)],
    actions: [kept.el],
    dismissible: false,
  });
}
