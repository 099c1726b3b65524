/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { RoomItem } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { confirmDialog } from "../ui/dialog.js";
import { h, setText } from "../ui/dom.js";
import { formatDate, formatTime } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";
import { roomExpiry } from "./room-expiry.js";
import { openVerify } from "./verify.js";

/**
 * About a room: the person, whether they are who they seem, how long it lives, and ways out.
 * @param {App} app
 * @param {RoomItem} first
 * @returns {Component<RoomItem> & { focus: () => void }}
 */
export function roomDetails(app, first) {
  const { id: room, peer: person } = first;
  const face = avatar({ size: "large" });
  const title = h("h2", { tabindex: -1 }, t("room.details"));
  const name = h("h3", { class: "full-name", dir: "auto" });
  const identity = h("p", { class: "small muted" });
  const ends = h("p", { class: "small muted" });
  const expiry = roomExpiry(app, { id: "details-expiry" });
  const close = button({
    label: t("action.close"),
    icon: "close",
    iconOnly: true,
    kind: "quiet",
    onClick: () => app.router.go("room", { room }),
  });
  const verify = button({
    label: t("people.verify"),
    icon: "shield-check",
    onClick: () => void openVerify(app, person.id),
  });
  const end = button({
    label: t("room.end"),
    icon: "trash",
    testId: "room-end",
    onClick: () => void endRoom(),
  });
  const block = button({
    label: t("people.block"),
    icon: "block",
    kind: "danger",
    testId: "room-block",
    onClick: () => void blockPerson(),
  });

  const unblock = button({
    label: t("people.unblock"),
    icon: "block",
    testId: "room-unblock",
    onClick: () => void act(app, "unblock", { user: person.id }, t("people.unblocked", params())),
  });
  const files = button({
    label: t("transfers.send_files"),
    icon: "file",
    testId: "room-send-files",
    onClick: () => app.router.go("files-new-for", { person: person.id }),
  });
  const people = button({
    label: t("room.people"),
    icon: "people",
    onClick: () => app.router.go("people"),
  });

  const params = () => ({ name: name.textContent ?? "" });

  async function endRoom() {
    const sure = await confirmDialog({
      title: t("room.end_title", params()),
      text: t("room.end_text", params()),
      confirm: t("room.end"),
      danger: true,
      testId: "room-end-confirm",
    });
    if (sure) await act(app, "deleteRoom", { room });
  }

  async function blockPerson() {
    const sure = await confirmDialog({
      title: t("people.block_title", params()),
      text: t("people.block_text", params()),
      confirm: t("people.block"),
      danger: true,
      testId: "room-block-confirm",
    });
    if (sure) await act(app, "block", { user: person.id }, t("people.blocked_done", params()));
  }

  return {
    el: h(
      "div",
      { class: "room-details" },
      h("header", { class: "pane-head" }, title, close.el),
      h(
        "div",
        { class: "pane-body" },
        h("div", { class: "portrait" }, face.el, name),
        h("section", null, h("h3", null, t("room.identity")), identity, verify.el),
        h("section", null, h("h3", null, t("room.life")), ends, expiry.el),
        h("section", { class: "ways-out" }, files.el, people.el, end.el, block.el, unblock.el),
      ),
    ),
    update(item) {
      const { peer, expiresMs } = item;
      face.update({ userId: peer.id, name: peer.displayName });
      setText(name, peer.displayName);
      setText(identity, t(`identity.state.${peer.identity}`, { name: peer.displayName }));
      const day = formatDate(expiresMs, app.nowMs());
      setText(ends, t("room.ends", { day, time: formatTime(expiresMs) }));
      expiry.update(item);
      files.el.hidden = peer.relation !== "accepted";
      block.el.hidden = peer.relation === "blocked";
      unblock.el.hidden = peer.relation !== "blocked";
    },
    focus: () => title.focus({ preventScroll: true }),
    destroy: expiry.destroy,
  };
}
