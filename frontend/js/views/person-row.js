/** The rows of the people screen. */

/** @import { App } from "./types.js" */
/** @import { Child, Component } from "../ui/dom.js" */
/** @import { Invite, Person } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { formatAgo } from "../ui/format.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { openMenu } from "../ui/menu.js";
import { act } from "./act.js";
import { presenceText } from "./presence-text.js";
import { openVerify } from "./verify.js";

/**
 * @param {App} app
 * @param {Person} first
 * @returns {Component<Person>}
 */
export function contactRow(app, first) {
  let person = first;
  const shield = icon("shield-check", { size: "small", label: t("people.verified") });
  const chat = button({
    label: t("people.chat"),
    icon: "chats",
    kind: "quiet",
    onClick: async () => {
      chat.update({ busy: true });
      const opened = await act(app, "openDm", { user: person.id });
      chat.update({ busy: false });
      if (opened !== null) app.router.go("room", { room: opened.room });
    },
  });
  const more = moreButton(() => contactMenu(app, person));
  const row = personRow([chat.el, more], shield);
  return {
    el: row.el,
    update(next) {
      person = next;
      row.update({
        person,
        text:
          person.identity === "changed" || person.identity === "changed-verified"
            ? t("people.identity_changed")
            : presenceText(person, app.nowMs()),
      });
      row.el.toggleAttribute("data-warning", person.identity.startsWith("changed"));
      setAttribute(shield, "hidden", person.identity === "verified" ? null : true);
      chat.el.setAttribute("aria-label", t("people.chat_name", { name: person.displayName }));
      more.setAttribute("aria-label", t("people.more_name", { name: person.displayName }));
    },
    destroy() {},
  };
}

/**
 * @param {App} app
 * @param {Person} first
 * @returns {Component<Person>}
 */
export function outgoingRow(app, first) {
  const { id, displayName } = first;
  const withdraw = button({
    label: t("people.withdraw"),
    onClick: () => void act(app, "removeContact", { user: id }, t("people.withdrawn")),
  });
  withdraw.el.setAttribute("aria-label", t("people.withdraw_name", { name: displayName }));
  const row = personRow([withdraw.el]);
  return {
    el: row.el,
    update: (person) =>
      row.update({
        person,
        text: t("people.asked", { ago: formatAgo(person.createdMs, app.nowMs()) }),
      }),
    destroy() {},
  };
}

/**
 * Somebody asked by address, who may or may not be here.
 * @param {App} app
 * @param {Invite} invite
 * @returns {Component<Invite>}
 */
export function inviteRow(app, { email }) {
  const withdraw = button({
    label: t("people.withdraw"),
    onClick: () => void act(app, "withdrawInvite", { email }, t("people.withdrawn")),
  });
  withdraw.el.setAttribute("aria-label", t("people.withdraw_name", { name: email }));
  const row = personRow([withdraw.el]);
  return {
    el: row.el,
    update: ({ createdMs }) =>
      row.update({
        person: { id: email, displayName: email, presence: "offline" },
        text: t("people.asked", { ago: formatAgo(createdMs, app.nowMs()) }),
      }),
    destroy() {},
  };
}

/**
 * @param {App} app
 * @param {Person} first
 * @returns {Component<Person>}
 */
export function blockedRow(app, { id, displayName }) {
  const unblock = button({
    label: t("people.unblock"),
    onClick: () =>
      void act(app, "unblock", { user: id }, t("people.unblocked", { name: displayName })),
  });
  unblock.el.setAttribute("aria-label", t("people.unblock_name", { name: displayName }));
  const row = personRow([unblock.el]);
  return {
    el: row.el,
    update: (person) => row.update({ person: { ...person, presence: "offline" }, text: "" }),
    destroy() {},
  };
}

/**
 * @param {Child[]} actions
 * @param {Child} [mark] beside the name
 * @returns {Component<{ person: Pick<Person, "id" | "displayName" | "presence">, text: string }>}
 */
function personRow(actions, mark = null) {
  const face = avatar();
  const name = h("strong", { class: "truncate", dir: "auto" });
  const line = h("span", { class: "line caption truncate" });
  return {
    el: h(
      "li",
      { class: "person-row" },
      face.el,
      h("div", { class: "who" }, h("span", { class: "name" }, name, mark), line),
      h("div", { class: "answers" }, ...actions),
    ),
    update({ person, text }) {
      face.update({ userId: person.id, name: person.displayName, presence: person.presence });
      setText(name, person.displayName);
      setText(line, text);
      line.hidden = text === "";
    },
    destroy() {},
  };
}

/**
 * @param {() => import("../ui/menu.js").MenuItem[]} items
 * @returns {HTMLElement}
 */
function moreButton(items) {
  const more = button({
    label: t("people.more"),
    kind: "quiet",
    icon: "more",
    iconOnly: true,
    onClick: () => openMenu(more.el, items(), t("people.more")),
  });
  more.el.setAttribute("aria-haspopup", "menu");
  return more.el;
}

/**
 * @param {App} app
 * @param {Person} person
 * @returns {import("../ui/menu.js").MenuItem[]}
 */
function contactMenu(app, { id, displayName: name }) {
  return [
    {
      label: t("transfers.send_files"),
      icon: "file",
      onSelect: () => app.router.go("files-new-for", { person: id }),
    },
    { label: t("people.verify"), icon: "shield-check", onSelect: () => openVerify(app, id) },
    {
      label: t("people.remove"),
      icon: "trash",
      onSelect: () => void sure("remove", "removeContact", "people.removed"),
    },
    {
      label: t("people.block"),
      icon: "block",
      danger: true,
      onSelect: () => void sure("block", "block", "people.blocked_done"),
    },
  ];

  /**
   * @param {"remove" | "block"} what
   * @param {"removeContact" | "block"} call
   * @param {string} done
   */
  async function sure(what, call, done) {
    const yes = await confirmDialog({
      title: t(`people.${what}_title`, { name }),
      text: t(`people.${what}_text`, { name }),
      confirm: t(`people.${what}`),
      danger: true,
    });
    if (yes) await act(app, call, { user: id }, t(done, { name }));
  }
}
