/** @import { AccountScreen, App } from "./types.js" */
import { button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { stepped } from "../state/session.js";
import { accountFrame } from "./account-frame.js";
import { act } from "./act.js";
import { errorCode, errorText } from "./error-text.js";
import { requireText } from "./required.js";

/**
 * Logged in, but the password does not open the identity, as after a reset: the recovery code does, or one begins anew.
 * @param {App} app
 * @returns {AccountScreen}
 */
export function unlock(app) {
  const code = field({
    label: t("unlock.code"),
    hint: t("unlock.code_hint"),
    code: true,
    testId: "unlock-code",
  });
  const submit = button({
    label: t("unlock.submit"),
    kind: "primary",
    type: "submit",
    testId: "unlock-submit",
  });
  const { el } = form({
    fields: [code.el],
    submit,
    onSubmit: async () => {
      requireText(code, t("unlock.code_missing"));
      go(app, await app.engine.call("unlockWithRecovery", { recoveryCode: code.value().trim() }));
    },
    errorText: (error) => {
      if (errorCode(error) !== "bad_recovery_code") return errorText(error);
      code.update({ error: errorText(error) });
      code.input.focus();
      return "";
    },
  });
  return {
    el: accountFrame({
      title: t("unlock.title"),
      text: t("unlock.text"),
      body: [el, startAnew(app), leave(app)],
    }),
    destroy() {},
  };
}

/** @param {App} app */
function startAnew(app) {
  const anew = button({
    label: t("unlock.anew"),
    kind: "quiet",
    testId: "unlock-anew",
    onClick: () => void begin(),
  });
  async function begin() {
    const sure = await confirmDialog({
      title: t("unlock.anew_title"),
      text: t("unlock.anew_text"),
      confirm: t("unlock.anew_confirm"),
      danger: true,
      testId: "unlock-anew-confirm",
    });
    if (!sure) return;
    anew.update({ busy: true });
    try {
      go(app, await app.engine.call("startNewIdentity", {}));
    } catch (error) {
      app.toast({ kind: "error", text: errorText(error) });
    } finally {
      anew.update({ busy: false });
    }
  }
  return h("div", { class: "aside" }, h("p", { class: "small muted" }, t("unlock.lost")), anew.el);
}

/**
 * The way out for somebody who meant another account, or whose log-in ran out here.
 * @param {App} app
 */
function leave(app) {
  const out = button({
    label: t("unlock.leave"),
    kind: "quiet",
    onClick: () => void act(app, "logOut", { everywhere: false }),
  });
  return h("div", { class: "aside" }, out.el);
}

/**
 * @param {App} app
 * @param {import("../session/types.js").Step} step
 */
function go(app, step) {
  app.store.set(stepped, step, { flow: "log-in", email: "", nowMs: app.nowMs() });
}
