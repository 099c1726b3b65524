/** @import { App } from "./types.js" */
import { button } from "../ui/button.js";
import { h } from "../ui/dom.js";
import { form } from "../ui/form.js";
import { t, plural } from "../ui/i18n.js";
import { otpInput } from "../ui/otp-input.js";
import { Disposables } from "../lib/disposables.js";
import { resent } from "../state/session.js";
import { errorCode, errorText } from "./error-text.js";

/** Time to look at the six digits, and for a click on the button to come first. */
const AUTO_SUBMIT_MS = 600;

/**
 * The six digits from the mail. Sends itself when complete, unless more fields are to be filled.
 * @param {App} app
 * @param {object} options
 * @param {string} options.label of the button
 * @param {import("../ui/dom.js").Child[]} [options.fields] further fields below the code; then it is not sent by itself
 * @param {(code: string) => Promise<void>} options.onCode
 * @param {(error: unknown) => string} [options.explain]
 */
export function codeForm(app, { label, fields = [], onCode, explain = errorText }) {
  const undo = new Disposables();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const code = otpInput({
    label: t("code.label"),
    onInput: () => clearTimeout(timer),
    onComplete: () => {
      if (fields.length === 0) timer = setTimeout(() => void sending.submit(), AUTO_SUBMIT_MS);
    },
  });
  const submit = button({ label, kind: "primary", type: "submit", testId: "otp-submit" });
  const again = resendButton(app, undo);
  const sending = form({
    fields: [code.el, ...fields],
    submit,
    after: [again],
    onSubmit: async () => {
      clearTimeout(timer);
      try {
        await onCode(code.value());
      } catch (error) {
        // A wrong code is typed anew; after any other failure the digits are still good.
        if (errorCode(error) === "bad_code") code.reject();
        code.input.focus();
        throw error;
      }
    },
    errorText: explain,
  });
  undo.add(() => clearTimeout(timer));
  undo.add(code.destroy);
  return { el: sending.el, focus: () => code.input.focus(), destroy: () => undo.dispose() };
}

/**
 * @param {App} app
 * @param {Disposables} undo
 */
function resendButton(app, undo) {
  const again = button({ label: t("code.resend"), kind: "quiet", onClick: () => void resend() });

  function count() {
    const { session } = app.store.get();
    const leftMs = session.phase === "code" ? session.resendAtMs - app.nowMs() : 0;
    const leftS = Math.ceil(leftMs / 1000);
    again.update({
      disabled: leftS > 0,
      label: leftS > 0 ? plural("code.resend_in", leftS) : t("code.resend"),
    });
  }
  async function resend() {
    again.update({ busy: true });
    try {
      const { resendAfterMs } = await app.engine.call("resendCode", {});
      app.store.set(resent, app.nowMs() + resendAfterMs);
      app.toast({ text: t("code.resent") });
    } catch (error) {
      app.toast({ kind: "error", text: errorText(error) });
    } finally {
      again.update({ busy: false });
      count();
    }
  }

  const timer = setInterval(count, 1000);
  undo.add(() => clearInterval(timer));
  count();
  return h("div", { class: "resend" }, again.el);
}
