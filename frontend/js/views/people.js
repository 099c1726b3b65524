/** @import { App, Screen } from "./types.js" */
/** @import { Invite, People, Person } from "../session/types.js" */
import { Disposables } from "../lib/disposables.js";
import { emptyState } from "../ui/empty-state.js";
import { h } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { keyedList } from "../ui/list.js";
import { skeleton } from "../ui/skeleton.js";
import { peopleBy } from "../state/people.js";
import { addContactForm } from "./add-contact-form.js";
import { contactRequests } from "./contact-requests.js";
import { friendCodeCard } from "./friend-code-card.js";
import { blockedRow, contactRow, inviteRow, outgoingRow } from "./person-row.js";

const MINUTE_MS = 60_000;

/**
 * Everybody one knows here, asks, or has blocked; and how to find and be found.
 * @param {App} app
 * @returns {Screen}
 */
export function peopleScreen(app) {
  const undo = new Disposables();
  const mine = friendCodeCard(app);
  const requests = contactRequests(app);
  const byId = (/** @type {Person} */ person) => person.id;
  const contacts = section("people.contacts", byId, (person) => contactRow(app, person));
  const outgoing = section("people.outgoing", byId, (person) => outgoingRow(app, person));
  const invites = section(
    "people.invites",
    (/** @type {Invite} */ invite) => invite.email,
    (invite) => inviteRow(app, invite),
  );
  const blocked = section("people.blocked", byId, (person) => blockedRow(app, person));
  const waiting = skeleton({ rows: 5 });
  const nobody = emptyState({
    icon: "people",
    title: t("people.empty_title"),
    text: t("people.empty_text"),
  });
  const parts = [requests, contacts, outgoing, invites, blocked];
  const main = h(
    "div",
    { class: "people-screen pane-body" },
    h(
      "div",
      { class: "column" },
      h("h1", null, t("nav.people")),
      h("div", { class: "find" }, addContactForm(app).el, mine.el),
      requests.el,
      waiting,
      nobody,
      ...parts.slice(1).map((part) => part.el),
    ),
  );

  /** @param {People | null} people */
  function draw(people) {
    requests.update(people);
    contacts.update(peopleBy(people, "accepted"));
    outgoing.update(peopleBy(people, "outgoing"));
    invites.update(people?.invites ?? []);
    blocked.update(peopleBy(people, "blocked"));
    waiting.hidden = people !== null;
    nobody.hidden = people === null || people.people.length + people.invites.length > 0;
  }
  undo.add(app.store.subscribe((state) => state.people, draw));
  // "5 minutes ago" grows old by itself.
  const timer = setInterval(() => draw(app.store.get().people), MINUTE_MS);
  undo.add(() => clearInterval(timer));
  undo.add(
    app.store.subscribe(
      (state) => state.me,
      (me) => me && mine.update(me),
    ),
  );
  for (const part of parts) undo.add(part.destroy);

  return {
    panes: { main },
    show: () => ({ pane: "main", layout: "page", details: false }),
    destroy: () => undo.dispose(),
  };
}

/**
 * A titled list that is hidden while it is empty.
 * @template Item
 * @param {string} titleKey
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => import("../ui/dom.js").Component<Item>} create
 */
function section(titleKey, keyOf, create) {
  const items = h("ul");
  const list = keyedList(items, keyOf, create);
  const el = h("section", { hidden: true }, h("h2", null, t(titleKey)), items);
  return {
    el,
    /** @param {readonly Item[]} models */
    update(models) {
      el.hidden = models.length === 0;
      list.update(models);
    },
    destroy: list.destroy,
  };
}
