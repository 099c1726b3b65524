/** @import { App } from "./types.js" */
/** @import { People } from "../session/types.js" */
import { h } from "../ui/dom.js";
import { Unsent } from "../ui/form.js";
import { t } from "../ui/i18n.js";
import { select } from "../ui/select.js";
import { peopleBy } from "../state/people.js";

/**
 * Choose a contact. It follows the contacts as they come and go; the only one there is needs no choosing.
 * @param {App} app
 * @param {object} options
 * @param {string} options.hint
 * @param {string} options.nobody stands there instead while there are no contacts
 * @param {string} options.testId
 */
export function contactField(app, { hint, nobody, testId }) {
  const field = select({ label: t("files.contact"), options: [], hint, testId });
  const instead = h("p", { class: "muted" }, nobody);
  let wanted = "";

  /** @param {People | null} people */
  function draw(people) {
    const contacts = peopleBy(people, "accepted");
    const ask = { value: "", label: t("files.contact_choose") };
    const offered = contacts.map(({ id, displayName }) => ({ value: id, label: displayName }));
    field.offer(contacts.length === 1 ? offered : [ask, ...offered]);
    if (contacts.some(({ id }) => id === wanted)) {
      field.choose(wanted);
      wanted = "";
    }
    field.el.hidden = contacts.length === 0;
    instead.hidden = contacts.length > 0;
  }

  const destroy = app.store.subscribe((state) => state.people, draw);
  return {
    el: h("div", null, field.el, instead),
    /** @param {string} user chosen as soon as that contact is known */
    choose(user) {
      wanted = user;
      draw(app.store.get().people);
    },
    /**
     * @returns {string} the user's id
     * @throws {Unsent} when nobody is chosen, which is said
     */
    require() {
      const user = field.value();
      if (user !== "") return user;
      field.update({ error: t("files.contact_missing") });
      throw new Unsent();
    },
    destroy,
  };
}
