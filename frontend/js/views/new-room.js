/** @import { App } from "./types.js" */
/** @import { Person } from "../session/types.js" */
import { button } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { field } from "../ui/field.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { peopleBy } from "../state/people.js";
import { plainText } from "./find-text.js";
import { moveFocus } from "./move-focus.js";
import { personChoice } from "./person-choice.js";

/**
 * Choose somebody to talk to: a few letters and Enter are enough. Without contacts it leads to where one finds them.
 * @param {App} app
 */
export function openNewRoom(app) {
  const contacts = peopleBy(app.store.get().people, "accepted");
  const find = button({
    label: t("chats.find_people"),
    icon: "person-add",
    onClick: () => {
      dialog.close();
      app.router.go("people");
    },
  });
  const cancel = button({
    label: t("action.cancel"),
    kind: "quiet",
    onClick: () => dialog.close(),
  });
  const items = h("ul", { class: "choose-person", "aria-label": t("people.contacts") });
  const list = keyedList(
    items,
    (/** @type {Person} */ person) => person.id,
    (person) => personChoice(app, person, () => dialog.close()),
  );
  const nothing = h("p", { class: "muted small", role: "status" });
  const filter = field({
    label: t("chats.find_contact"),
    type: "search",
    testId: "new-room-search",
    onInput: draw,
  });
  filter.input.placeholder = t("chats.find_contact");
  filter.el.classList.add("chat-filter");

  function draw() {
    const wanted = plainText(filter.value());
    const found = contacts.filter((person) => plainText(person.displayName).includes(wanted));
    list.update(found);
    nothing.hidden = found.length > 0;
    nothing.textContent = t("chats.nothing_found", { query: filter.value() });
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && event.target === filter.input)
      items.querySelector("button")?.click();
    else moveFocus(items, event);
  }

  const dialog = openDialog({
    title: t("chats.new"),
    body:
      contacts.length === 0
        ? [h("p", { class: "muted" }, t("chats.nobody_yet"))]
        : [filter.el, nothing, items],
    actions: [cancel.el, find.el],
    onClose: list.destroy,
  });
  dialog.el.addEventListener("keydown", keyed);
  draw();
  filter.input.focus();
}
