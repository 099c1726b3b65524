/** @import { App } from "./types.js" */
/** @import { TransferTo } from "../session/types.js" */
import { choice } from "../ui/choice.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { peopleBy } from "../state/people.js";
import { contactField } from "./contact-field.js";
import { requireEmail } from "./required.js";

/** @typedef {TransferTo["kind"]} Kind */

/**
 * Whom files are for, and in a sentence what that means.
 * @param {App} app
 * @param {{ onKind: (kind: Kind) => void }} options
 */
export function transferRecipient(app, { onKind }) {
  const contact = contactField(app, {
    hint: t("transfers.to_person_text"),
    nobody: t(hasLinks() ? "transfers.no_contacts" : "chats.nobody_yet"),
    testId: "transfer-contact",
  });
  const email = field({
    label: t("account.email"),
    type: "email",
    inputMode: "email",
    hint: t("transfers.to_address_text"),
    testId: "transfer-email",
  });
  const ways = {
    person: contact.el,
    address: email.el,
    link: h("p", { class: "muted small" }, t("transfers.to_link_text")),
  };
  const kinds = /** @type {Kind[]} */ (Object.keys(ways));
  const slot = h("div", { class: "stack" });
  /** @type {Kind} */
  let kind = "person";

  /** @param {Kind} next */
  function turn(next) {
    kind = next;
    for (const name of kinds) ways[name].hidden = name !== kind;
    onKind(kind);
  }

  /** @param {Kind} chosen */
  function draw(chosen) {
    const options = offered().map((name) => ({ value: name, label: t(`transfers.to_${name}`) }));
    const radios = choice({
      label: t("transfers.to"),
      options,
      value: chosen,
      onChange: (value) => turn(/** @type {Kind} */ (value)),
    });
    const off = h("p", { class: "muted small" }, t("transfers.no_links"));
    slot.replaceChildren(radios, ...(hasLinks() ? [] : [off]), ...Object.values(ways));
    turn(chosen);
  }

  /** @returns {boolean} also while the server has not said */
  function hasLinks() {
    return app.store.get().me?.terms?.links ?? true;
  }

  /** @returns {Kind[]} */
  function offered() {
    return hasLinks() ? kinds : ["person"];
  }

  function refuseOneself() {
    if (email.value().toLowerCase() !== app.store.get().me?.email) return;
    email.update({ error: t("transfers.own_address") });
    email.input.focus();
    throw new Unsent();
  }

  return {
    el: slot,
    begin() {
      const { people } = app.store.get();
      const hasNobody = people !== null && peopleBy(people, "accepted").length === 0;
      draw(hasNobody && hasLinks() ? "link" : "person");
    },
    /** @param {string} user */
    choose(user) {
      draw("person");
      contact.choose(user);
    },
    /**
     * @returns {TransferTo}
     * @throws {import("../ui/form.js").Unsent} when something is missing, which is said
     */
    require() {
      if (kind === "link") return { kind };
      if (kind === "person") return { kind, user: contact.require() };
      requireEmail(email);
      refuseOneself();
      return { kind, email: email.value() };
    },
    destroy() {
      contact.destroy();
      email.destroy();
    },
  };
}
