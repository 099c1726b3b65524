/** @import { AccountScreen, App } from "./types.js" */
import { button } from "../ui/button.js";
import { copyText } from "../ui/clipboard.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { stepped } from "../state/session.js";
import { accountFrame } from "./account-frame.js";
import { errorCode, errorText } from "./error-text.js";
import { saveFile } from "./save-file.js";

const GROUP_CHARS = 4;

/**
 * Step three of signing up: the code that opens the account when everything else is lost.
 * @param {App} app
 * @param {{ recoveryCode: string }} shown
 * @returns {AccountScreen}
 */
export function recovery(app, { recoveryCode }) {
  const last = field({
    label: t("recovery.confirm"),
    hint: t("recovery.confirm_hint"),
    code: true,
    testId: "recovery-confirm",
  });
  const submit = button({
    label: t("recovery.continue"),
    kind: "primary",
    type: "submit",
    testId: "recovery-continue",
  });
  const { el } = form({
    fields: [last.el],
    submit,
    onSubmit: async () => {
      const step = await app.engine.call("confirmRecovery", { lastGroup: last.value().trim() });
      app.store.set(stepped, step, { flow: "sign-up", email: "", nowMs: app.nowMs() });
    },
    errorText: (error) => {
      if (errorCode(error) !== "bad_recovery_code") return errorText(error);
      last.update({ error: t("recovery.confirm_wrong") });
      last.input.focus();
      return "";
    },
  });
  return {
    el: accountFrame({
      title: t("recovery.title"),
      text: t("recovery.text"),
      step: 3,
      body: [recoveryCard(app, recoveryCode), el],
    }),
    destroy() {},
  };
}

/**
 * The code in seven groups, with ways to keep it.
 * @param {App} app
 * @param {string} recoveryCode with or without hyphens
 * @returns {HTMLElement}
 */
export function recoveryCard(app, recoveryCode) {
  const groups =
    recoveryCode.replace(/[^0-9A-Za-z]/g, "").match(new RegExp(`.{1,${GROUP_CHARS}}`, "g")) ?? [];
  const code = groups.join("-");
  // The hyphen stays with the group before it when the line breaks.
  const parts = groups.map((group, index) =>
    h("span", null, group, index < groups.length - 1 && "-"),
  );
  return h(
    "section",
    { class: "recovery-card", "aria-label": t("recovery.code") },
    h(
      "p",
      { class: "print-only" },
      t("recovery.print_title", { email: app.store.get().me?.email ?? "" }),
    ),
    h("div", { class: "code", dir: "ltr", "data-testid": "recovery-code" }, ...parts),
    h(
      "div",
      { class: "keep" },
      button({ label: t("action.copy"), icon: "copy", onClick: () => void copy(app, code) }).el,
      button({ label: t("action.print"), icon: "print", onClick: () => print() }).el,
      button({ label: t("action.save"), icon: "download", onClick: () => save(code) }).el,
    ),
  );
}

/**
 * @param {App} app
 * @param {string} code
 */
async function copy(app, code) {
  const copied = await copyText(code);
  app.toast(copied ? { text: t("recovery.copied") } : { kind: "error", text: t("error.copy") });
}

/** @param {string} code */
function save(code) {
  const text = `${t("recovery.file_title")}\n\n${code}\n\n${t("recovery.text")}\n`;
  saveFile(new File([text], ""), t("recovery.file_name"));
}
