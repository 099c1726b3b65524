/** @import { App, Screen } from "./types.js" */
import { Disposables } from "../lib/disposables.js";
import { emptyState } from "../ui/empty-state.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { addContactForm } from "./add-contact-form.js";
import { contactRequests } from "./contact-requests.js";
import { friendCodeCard } from "./friend-code-card.js";

/**
 * The list of conversations and the one that is open.
 * @param {App} app
 * @returns {Screen}
 */
export function chatsScreen(app) {
  const undo = new Disposables();
  const mine = friendCodeCard(app);
  const requests = contactRequests(app);
  const list = h(
    "div",
    { class: "chats-list" },
    h("header", { class: "pane-head" }, h("h1", null, t("nav.chats"))),
    h("div", { class: "pane-body" }, requests.el, addContactForm(app).el, mine.el),
  );
  const main = emptyState({ icon: "chats", title: t("chats.none_open") });
  undo.add(app.store.subscribe((state) => state.people, requests.update));
  undo.add(
    app.store.subscribe(
      (state) => state.me,
      (me) => me && mine.update(me),
    ),
  );
  undo.add(requests.destroy);
  return {
    panes: { list, main },
    show: () => ({ pane: "list", layout: "split", details: false }),
    destroy: () => undo.dispose(),
  };
}
