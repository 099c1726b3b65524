/** @import { App } from "./types.js" */
/** @import { Part } from "./files.js" */
/** @import { SealFor } from "../session/types.js" */
import { requirePassphrase } from "../session/passphrase.js";
import { button } from "../ui/button.js";
import { choice } from "../ui/choice.js";
import { h } from "../ui/dom.js";
import { form, Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { peopleBy } from "../state/people.js";
import { contactField } from "./contact-field.js";
import { errorText } from "./error-text.js";
import { fileCard } from "./file-card.js";
import { passwordField } from "./password-field.js";

/** @typedef {SealFor["kind"]} Kind */

/** What a camera or a microphone makes; not every system knows the kind of those that are named. */
const MADE = /^(image\/(?!svg)|video\/|audio\/)/;
const MADE_NAME = /\.(hei[cf]|avif|mkv|3gp)$/i;

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
  const hasContacts = peopleBy(app.store.get().people, "accepted").length > 0;
  /** @type {Kind} */
  let kind = hasContacts ? "contact" : "me";
  const contact = contactField(app, {
    hint: t("files.contact_hint"),
    nobody: t("files.no_contacts"),
    testId: "file-contact",
  });
  const passphrase = passwordField(app, {
    label: t("files.passphrase"),
    testId: "file-passphrase-new",
    isShared: true,
  });
  const ways = {
    contact: contact.el,
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
    if (kind === "passphrase") return { kind, passphrase: typedPassphrase() };
    if (kind === "me") return { kind };
    return { kind, user: contact.require() };
  }

  function typedPassphrase() {
    const typed = passphrase.value();
    try {
      requirePassphrase(typed);
    } catch (error) {
      passphrase.explain(error);
      throw new Unsent();
    }
    return typed;
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
  const isMade = MADE.test(file.type) || MADE_NAME.test(file.name);
  const hint = isMade && h("p", { class: "muted small" }, t("files.sealed_as_it_is"));
  return {
    el: h("section", { class: "file-step" }, title, fileCard(file), hint, body.el),
    destroy() {
      contact.destroy();
      passphrase.destroy();
    },
  };
}
