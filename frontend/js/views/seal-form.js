/** @import { App } from "./types.js" */
/** @import { Part } from "./files.js" */
/** @import { Person, SealFor } from "../session/types.js" */
import { AppError } from "../lib/errors.js";
import { button } from "../ui/button.js";
import { choice } from "../ui/choice.js";
import { h } from "../ui/dom.js";
import { form, Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { select } from "../ui/select.js";
import { peopleBy } from "../state/people.js";
import { errorText } from "./error-text.js";
import { fileCard } from "./file-card.js";
import { passwordField } from "./password-field.js";

/** @typedef {SealFor["kind"]} Kind */

const MIN_PASSPHRASE_CHARS = 10; // as for a password: below it anybody's first guesses are enough

/**
 * For whom a file is to be sealed.
 * @param {App} app
 * @param {object} options
 * @param {File} options.file
 * @param {(to: SealFor) => void} options.onSeal
 * @param {() => void} options.onBack
 * @returns {Part}
 */
export function sealForm(app, { file, onSeal, onBack }) {
  const contacts = peopleBy(app.store.get().people, "accepted");
  /** @type {Kind} */
  let kind = contacts.length > 0 ? "contact" : "me";
  const contact = contactField(contacts);
  const passphrase = passwordField(app, {
    label: t("files.passphrase"),
    testId: "file-passphrase-new",
  });
  const ways = {
    contact: contact?.el ?? h("p", { class: "muted" }, t("files.no_contacts")),
    me: h("p", { class: "muted" }, t("files.me_hint")),
    passphrase: passphrase.el,
  };
  const kinds = /** @type {Kind[]} */ (Object.keys(ways));

  /** @param {Kind} next */
  function turn(next) {
    kind = next;
    for (const name of kinds) ways[name].hidden = name !== kind;
  }

  /** @returns {SealFor} */
  function recipient() {
    if (kind === "passphrase") return { kind, passphrase: requirePassphrase() };
    if (kind === "me") return { kind };
    const user = contact?.value() ?? "";
    if (user === "") contact?.update({ error: t("files.contact_missing") });
    if (user === "") throw new Unsent();
    return { kind, user };
  }

  function requirePassphrase() {
    const typed = passphrase.value();
    if ([...typed].length >= MIN_PASSPHRASE_CHARS) return typed;
    passphrase.explain(new AppError("weak_password"));
    throw new Unsent();
  }

  const submit = button({
    label: t("files.seal"),
    kind: "primary",
    type: "submit",
    testId: "file-seal",
  });
  const back = button({ label: t("action.cancel"), kind: "quiet", onClick: onBack });
  const body = form({
    fields: [
      choice({
        label: t("files.seal_title"),
        options: kinds.map((name) => ({ value: name, label: t(`files.for_${name}`) })),
        value: kind,
        onChange: (value) => turn(/** @type {Kind} */ (value)),
      }),
      ...Object.values(ways),
    ],
    submit,
    after: [back.el],
    onSubmit: async () => onSeal(recipient()),
    errorText,
  });
  turn(kind);
  const title = h("h2", { tabindex: "-1" }, t("files.sealing_title"));
  return {
    el: h("section", { class: "file-step" }, title, fileCard(file), body.el),
    destroy: passphrase.destroy,
  };
}

/** @param {readonly Person[]} contacts */
function contactField(contacts) {
  if (contacts.length === 0) return null;
  const ask = { value: "", label: t("files.contact_choose") };
  const people = contacts.map(({ id, displayName }) => ({ value: id, label: displayName }));
  return select({
    label: t("files.contact"),
    options: contacts.length === 1 ? people : [ask, ...people],
    hint: t("files.contact_hint"),
    testId: "file-contact",
  });
}
