/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { RoomItem } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatLeft } from "../ui/format.js";
import { icon } from "../ui/icon.js";
import { t } from "../ui/i18n.js";
import { act } from "./act.js";

/**
 * How long the room still lives, and the wish to keep it: it stays when both have it. Whoever shows it updates it every
 * half minute.
 * @param {App} app
 * @param {{ id?: string }} [options] id: the test id, which only one place on the page may have
 * @returns {Component<RoomItem>}
 */
export function roomExpiry(app, { id = "room-expiry" } = {}) {
  const left = h("span", { class: "left", "data-testid": id });
  const agreed = h("span", { class: "muted" });
  const keep = button({
    label: "",
    kind: "quiet",
    testId: `${id}-keep`,
    onClick: () => void toggle(),
  });
  /** @type {RoomItem | null} */
  let room = null;

  const mine = () => room?.keptBy.includes(app.store.get().me?.id ?? "") ?? false;
  const theirs = () => room?.keptBy.includes(room.peer.id) ?? false;

  async function toggle() {
    if (room === null) return;
    keep.update({ busy: true });
    const on = !mine();
    const done = on ? (theirs() ? "expiry.kept" : "expiry.wished") : "expiry.withdrawn";
    const name = room.peer.displayName;
    await act(app, "keepRoom", { room: room.id, on }, t(done, { name }));
    keep.update({ busy: false });
  }

  function draw() {
    if (room === null) return;
    const leftMs = room.expiresMs - app.nowMs();
    const name = room.peer.displayName;
    setText(left, leftMs > 0 ? t("expiry.left", { left: formatLeft(leftMs) }) : t("expiry.over"));
    setText(
      agreed,
      mine() ? t("expiry.you_want") : theirs() ? t("expiry.they_want", { name }) : "",
    );
    keep.update({ label: mine() ? t("expiry.withdraw") : t("expiry.keep"), pressed: mine() });
    keep.el.hidden = leftMs <= 0;
    el.toggleAttribute("data-soon", leftMs < 24 * 60 * 60_000);
  }
  const el = h(
    "div",
    { class: "room-expiry caption" },
    icon("clock", { size: "small" }),
    h("p", { class: "words" }, left, " ", agreed),
    keep.el,
  );
  return {
    el,
    update(next) {
      room = next;
      draw();
    },
    destroy() {},
  };
}
