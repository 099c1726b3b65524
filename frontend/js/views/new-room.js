/** @import { App } from "./types.js" */
/** @import { Person } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { peopleBy } from "../state/people.js";
import { act } from "./act.js";

/**
 * Choose somebody to talk to. Without contacts it leads to where one finds them.
 * @param {App} app
 */
export function openNewRoom(app) {
  const contacts = [...peopleBy(app.store.get().people, "accepted")].sort((a, b) =>
    a.displayName.localeCompare(b.displayName),
  );
  const find = button({
    label: t("chats.find_people"),
    icon: "person-add",
    onClick: () => {
      dialog.close();
      app.router.go("people");
    },
  });
  const dialog = openDialog({
    title: t("chats.new"),
    body: [
      contacts.length === 0
        ? h("p", { class: "muted" }, t("chats.nobody_yet"))
        : h("ul", { class: "choose-person" }, ...contacts.map((person) => choice(person))),
    ],
    actions: [find.el],
  });

  /** @param {Person} person */
  function choice(person) {
    const face = avatar();
    face.update({ userId: person.id, name: person.displayName, presence: person.presence });
    const el = h(
      "button",
      {
        type: "button",
        class: "choice-row",
        "data-testid": "new-room-person",
        "data-user": person.id,
        on: { click: () => void open(person) },
      },
      face.el,
      h("span", { class: "truncate", dir: "auto" }, person.displayName),
    );
    return h("li", null, el);
  }

  /** @param {Person} person */
  async function open(person) {
    const opened = await act(app, "openDm", { user: person.id });
    if (opened === null) return;
    dialog.close();
    app.router.go("room", { room: opened.room });
  }
}
