/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
import { button } from "../ui/button.js";
import { field } from "../ui/field.js";
import { Unsent, form } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { errorCode, errorText } from "./error-text.js";
import { requireText } from "./required.js";

/**
 * Ask somebody to be a contact, by friend code or e-mail address. It may stand once on a page (test id).
 * @param {App} app
 * @returns {Component<void>}
 */
export function addContactForm(app) {
  const query = field({
    label: t("add_contact.label"),
    hint: t("add_contact.hint"),
    code: true,
    testId: "add-contact-code",
  });
  const submit = button({
    label: t("add_contact.submit"),
    kind: "primary",
    icon: "person-add",
    type: "submit",
    testId: "add-contact-submit",
  });
  const { el } = form({
    fields: [query.el],
    submit,
    onSubmit: async () => {
      requireText(query, t("add_contact.missing"));
      const asked = query.value().trim();
      refuseOneself(app, query, asked);
      const { kind } = await app.engine.call("addContact", { query: asked });
      query.input.value = "";
      // By address the server never says whether somebody is there, and so neither do we.
      app.toast({ text: t(`add_contact.sent_${kind}`, { query: asked }) });
    },
    errorText: (error) => {
      if (!["not_found", "bad_request"].includes(errorCode(error))) return errorText(error);
      query.update({ error: t(`add_contact.${errorCode(error)}`) });
      query.input.focus();
      return "";
    },
  });
  el.classList.add("add-contact-form");
  return { el, update() {}, destroy() {} };
}

/**
 * @param {App} app
 * @param {ReturnType<typeof field>} query
 * @param {string} asked
 */
function refuseOneself(app, query, asked) {
  const { me } = app.store.get();
  if (![me?.friendCode, me?.email].includes(asked.toLowerCase())) return;
  query.update({ error: t("add_contact.oneself") });
  query.input.focus();
  throw new Unsent();
}
