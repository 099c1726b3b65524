/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { RoomItem } from "../session/types.js" */
import { avatar } from "../ui/avatar.js";
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { presenceText } from "./presence-text.js";
import { openVerify } from "./verify.js";

/**
 * Who one is talking to.
 * @param {App} app
 * @param {RoomItem} first
 * @returns {Component<RoomItem> & { focus: (target: "name" | "details") => void }}
 */
export function roomHeader(app, first) {
  const face = avatar();
  const name = h("h2", { class: "truncate", dir: "auto", tabindex: -1 });
  const shield = icon("shield-check", { size: "small", label: t("people.verified") });
  const presence = h("span", { class: "caption muted truncate", "data-testid": "presence" });
  const back = button({
    label: t("action.back"),
    icon: "back",
    iconOnly: true,
    kind: "quiet",
    onClick: () => app.router.go("chats"),
  });
  back.el.classList.add("only-narrow");
  const verify = button({
    label: t("people.verify"),
    icon: "shield",
    iconOnly: true,
    kind: "quiet",
    testId: "verify-open",
    onClick: () => void openVerify(app, first.peer.id),
  });
  const details = button({
    label: t("room.details"),
    icon: "info",
    iconOnly: true,
    kind: "quiet",
    testId: "details-open",
    onClick: () => {
      const open = app.router.current()?.name === "details";
      app.router.go(open ? "room" : "details", { room: first.id });
    },
  });
  return {
    el: h(
      "header",
      { class: "pane-head room-header" },
      back.el,
      face.el,
      h("div", { class: "who" }, h("span", { class: "name" }, name, shield), presence),
      verify.el,
      details.el,
    ),
    update({ peer }) {
      const known = peer.relation === "accepted";
      face.update({
        userId: peer.id,
        name: peer.displayName,
        presence: known ? peer.presence : null,
      });
      setText(name, peer.displayName);
      setAttribute(shield, "hidden", peer.identity === "verified" ? null : true);
      setText(presence, known ? presenceText(peer, app.nowMs()) : "");
      presence.dataset["status"] = peer.presence;
      details.update({ pressed: app.router.current()?.name === "details" });
    },
    focus: (target) => (target === "name" ? name : details.el).focus({ preventScroll: true }),
    destroy() {},
  };
}
