/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { EngineCalls, RoomItem } from "../session/types.js" */
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
 * @returns {Component<RoomItem>}
 */
export function roomDetails(app, first) {
  const { id: room, peer: person } = first;
  const face = avatar({ size: "large" });
  const name = h("h2", { dir: "auto" });
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
    onClick: () => void sure("room.end", "deleteRoom", { room }),
  });
  const block = button({
    label: t("people.block"),
    icon: "block",
    kind: "danger",
    onClick: () => void sure("people.block", "block", { user: person.id }),
  });

  /**
   * @template {"deleteRoom" | "block"} Name
   * @param {"room.end" | "people.block"} what
   * @param {Name} call
   * @param {EngineCalls[Name][0]} argument
   */
  async function sure(what, call, argument) {
    const params = { name: name.textContent ?? "" };
    const yes = await confirmDialog({
      title: t(`${what}_title`, params),
      text: t(`${what}_text`, params),
      confirm: t(what),
      danger: true,
    });
    if (!yes) return;
    const done = call === "block" ? "people.blocked_done" : "room.ended";
    const result = await act(app, call, argument, t(done, params));
    if (result !== null) app.router.go("chats", {}, { replace: true });
  }

  return {
    el: h(
      "div",
      { class: "room-details" },
      h("header", { class: "pane-head" }, h("h2", null, t("room.details")), close.el),
      h(
        "div",
        { class: "pane-body" },
        h("div", { class: "portrait" }, face.el, name),
        h("section", null, h("h3", null, t("room.identity")), identity, verify.el),
        h("section", null, h("h3", null, t("room.life")), ends, expiry.el),
        h("section", { class: "ways-out" }, end.el, block.el),
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
      block.el.hidden = peer.relation === "blocked";
    },
    destroy: expiry.destroy,
  };
}
