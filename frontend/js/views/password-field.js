/** @import { App } from "./types.js" */
import { button } from "../ui/button.js";
import { copyText } from "../ui/clipboard.js";
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
 * @param {boolean} [options.isShared] somebody else will need it as well, so it can be copied
 */
export function passwordField(app, { label, testId, about = () => ({}), isShared = false }) {
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
  const copy = button({
    label: t("password.copy"),
    kind: "quiet",
    icon: "copy",
    testId: `${testId}-copy`,
    onClick: () => void copied(),
  });
  copy.el.hidden = true;
  let asked = 0;

  async function measure() {
    const mine = ++asked;
    const value = password.value();
    copy.el.hidden = !isShared || value === "";
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

  async function copied() {
    const done = await copyText(password.value());
    app.toast(done ? { text: t("password.copied") } : { kind: "error", text: t("error.copy") });
  }

  const offers = h("div", { class: "offers" }, offer.el, copy.el);
  return {
    el: h("div", { class: "password-field" }, password.el, meter.el, offers),
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
      copy.el.hidden = true;
    },
  };
}
