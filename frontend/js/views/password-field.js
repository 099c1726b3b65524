/** @import { App } from "./types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { t } from "../ui/i18n.js";
import { strengthMeter } from "../ui/strength-meter.js";
import { errorCode, errorText } from "./error-text.js";

/**
 * Choose a new password: strength in words while typing, and an offered phrase that is easy to remember.
 * @param {App} app
 * @param {object} options
 * @param {string} options.label
 * @param {string} options.testId
 * @param {() => { email?: string, displayName?: string }} [options.about] what the password should not be made of
 */
export function passwordField(app, { label, testId, about = () => ({}) }) {
  const meter = strengthMeter();
  const password = field({
    label,
    type: "password",
    autocomplete: "new-password",
    hint: t("password.hint"),
    testId,
    onInput: () => void measure(),
  });
  const offer = button({
    label: t("password.suggest"),
    kind: "quiet",
    icon: "refresh",
    onClick: () => void suggest(),
  });
  let asked = 0;

  async function measure() {
    const mine = ++asked;
    const value = password.value();
    if (value === "") return meter.update(null);
    const strength = await app.engine.call("passwordStrength", { password: value, ...about() });
    // Answers may come out of order; only the last question counts.
    if (mine === asked)
      meter.update({ ...strength, hint: strength.hint && t(`strength.hint.${strength.hint}`) });
  }

  async function suggest() {
    const { passphrase } = await app.engine.call("suggestPassphrase", {});
    password.input.type = "text";
    password.input.value = passphrase;
    password.update({ error: null });
    await measure();
    app.toast({ kind: "notice", text: t("password.suggested") });
  }

  return {
    el: h("div", { class: "password-field" }, password.el, meter.el, offer.el),
    value: password.value,
    /**
     * Say it here when the error is about this password.
     * @param {unknown} error
     * @returns {string} what is left to be said elsewhere
     */
    explain(error) {
      if (errorCode(error) !== "weak_password") return errorText(error);
      password.update({ error: errorText(error) });
      password.input.focus();
      return "";
    },
    destroy() {
      password.destroy();
      meter.update(null);
    },
  };
}
