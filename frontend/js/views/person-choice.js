/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { Person } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { h, setText } from "../ui/dom.js";
import { act } from "./act.js";

/**
 * A contact with whom the conversation opens.
 * @param {App} app
 * @param {Person} first
 * @param {() => void} [onOpened]
 * @returns {Component<Person>}
 */
export function personChoice(app, first, onOpened) {
  const face = avatar();
  const name = h("span", { class: "truncate", dir: "auto" });
  const choose = h(
    "button",
    {
      type: "button",
      class: "choice-row",
      "data-testid": "new-room-person",
      "data-user": first.id,
      on: { click: () => void open() },
    },
    face.el,
    name,
  );

  async function open() {
    const opened = await act(app, "openDm", { user: first.id });
    if (opened === null) return;
    onOpened?.();
    app.router.go("room", { room: opened.room });
  }

  return {
    el: h("li", null, choose),
    update(person) {
      face.update({ userId: person.id, name: person.displayName, presence: person.presence });
      setText(name, person.displayName);
    },
    destroy() {},
  };
}
