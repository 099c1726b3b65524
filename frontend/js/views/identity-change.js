/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { Person } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";
import { openVerify } from "./verify.js";

/**
 * Stands over the composer while a contact's identity is another one than before; nothing is sent until the reader has
 * chosen (SEAL1 §4.9). Somebody who was verified has to be verified again.
 * @param {App} app
 * @param {Person} first
 * @returns {Component<Person>}
 */
export function identityChange(app, first) {
  const title = h("h3", null);
  const means = h("p", { class: "small" });
  const compare = button({
    label: t("identity.compare"),
    icon: "shield-check",
    kind: "primary",
    testId: "identity-compare",
    onClick: () => void openVerify(app, first.id),
  });
  const goOn = button({
    label: t("identity.continue"),
    testId: "identity-continue",
    onClick: async () => {
      goOn.update({ busy: true });
      await act(app, "acceptIdentity", { user: first.id }, t("identity.continued"));
      goOn.update({ busy: false });
    },
  });
  return {
    el: h(
      "section",
      { class: "identity-change", role: "alert", "data-testid": "identity-change" },
      h("span", { class: "mark" }, icon("alert")),
      h("div", { class: "words" }, title, means),
      h("div", { class: "answers" }, compare.el, goOn.el),
    ),
    update({ displayName: name, identity }) {
      setText(title, t("identity.title", { name }));
      setText(
        means,
        t(identity === "changed-verified" ? "identity.text_verified" : "identity.text", { name }),
      );
      goOn.el.hidden = identity === "changed-verified";
    },
    destroy() {},
  };
}
