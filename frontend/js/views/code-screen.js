/** @import { AccountScreen, App } from "./types.js" */
import { t } from "../ui/i18n.js";
import { stepped, steppedBack } from "../state/session.js";
import { accountFrame } from "./account-frame.js";
import { codeForm } from "./code-form.js";

/**
 * Step two of signing up, and the only step of logging in with a new browser: the code from the mail.
 * @param {App} app
 * @param {{ email: string, flow: "sign-up" | "log-in" }} asked
 * @returns {AccountScreen}
 */
export function codeScreen(app, { email, flow }) {
  const code = codeForm(app, {
    label: t("code.submit"),
    onCode: async (digits) => {
      const step = await app.engine.call("submitCode", { code: digits });
      app.store.set(stepped, step, { flow, email, nowMs: app.nowMs() });
    },
  });
  return {
    el: accountFrame({
      title: t("code.title"),
      text: t(flow === "sign-up" ? "code.text_sign_up" : "code.text_log_in", { email }),
      ...(flow === "sign-up" ? { step: 2 } : {}),
      back: { label: t("code.back"), onClick: () => app.store.set(steppedBack) },
      body: [code.el],
    }),
    destroy: code.destroy,
  };
}
