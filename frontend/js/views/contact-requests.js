/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { People, Person } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatAgo } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { peopleBy } from "../state/people.js";
import { act } from "./act.js";

/**
 * People who ask to be a contact. Hidden while nobody does.
 * @param {App} app
 * @returns {Component<People | null>}
 */
export function contactRequests(app) {
  const items = h("ul");
  const list = keyedList(
    items,
    (/** @type {Person} */ person) => person.id,
    (person) => requestRow(app, person),
  );
  const el = h(
    "section",
    { class: "contact-requests", hidden: true },
    h("h2", null, t("requests.title")),
    items,
  );
  return {
    el,
    update(people) {
      const incoming = peopleBy(people, "incoming");
      el.hidden = incoming.length === 0;
      list.update(incoming);
    },
    destroy: list.destroy,
  };
}

/**
 * @param {App} app
 * @param {Person} person
 * @returns {Component<Person>}
 */
function requestRow(app, { id }) {
  const face = avatar();
  const name = h("strong", { class: "name truncate", dir: "auto" });
  const when = h("span", { class: "caption muted" });
  const accept = button({
    label: t("requests.accept"),
    kind: "primary",
    testId: "contact-request-accept",
    onClick: () => void answer(accept, "acceptContact"),
  });
  const decline = button({
    label: t("requests.decline"),
    onClick: () => void answer(decline, "removeContact"),
  });

  /**
   * @param {typeof accept} pressed
   * @param {"acceptContact" | "removeContact"} call
   */
  async function answer(pressed, call) {
    pressed.update({ busy: true });
    const done = call === "acceptContact" ? "requests.accepted" : "requests.declined";
    await act(app, call, { user: id }, t(done, { name: name.textContent ?? "" }));
    pressed.update({ busy: false });
  }

  return {
    el: h(
      "li",
      { class: "person-row" },
      face.el,
      h("div", { class: "who" }, name, when),
      h("div", { class: "answers" }, accept.el, decline.el),
    ),
    update(person) {
      face.update({ userId: person.id, name: person.displayName });
      setText(name, person.displayName);
      setText(when, formatAgo(person.createdMs, app.nowMs()));
      accept.el.setAttribute("aria-label", t("requests.accept_name", { name: person.displayName }));
      decline.el.setAttribute(
        "aria-label",
        t("requests.decline_name", { name: person.displayName }),
      );
    },
    destroy() {},
  };
}
