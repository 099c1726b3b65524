/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
import { button } from "../ui/button.js";
import { copyText } from "../ui/clipboard.js";
import { h, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";

/**
 * One's own friend code, to give to others. It may stand once on a page (test id).
 * @param {App} app
 * @returns {Component<{ friendCode: string }>}
 */
export function friendCodeCard(app) {
  const code = h("span", { class: "code", dir: "ltr", "data-testid": "my-friend-code" });
  const copy = button({
    label: t("friend_code.copy"),
    kind: "quiet",
    icon: "copy",
    iconOnly: true,
    onClick: async () => {
      const copied = await copyText(code.textContent ?? "");
      app.toast(
        copied ? { text: t("friend_code.copied") } : { kind: "error", text: t("error.copy") },
      );
    },
  });
  return {
    el: h(
      "section",
      { class: "friend-code-card" },
      h("h2", null, t("friend_code.title")),
      h("div", { class: "row" }, code, copy.el),
      h("p", { class: "caption muted" }, t("friend_code.text")),
    ),
    update: ({ friendCode }) => setText(code, friendCode),
    destroy() {},
  };
}
