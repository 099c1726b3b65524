/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { Connection, RoomItem } from "../session/types.js" */
import { MESSAGE_CHARS } from "../protocol/limits.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { plural, t } from "../ui/i18n.js";
import { act } from "./act.js";

/** Only somebody close to the limit wants to know it. */
const COUNTER_FROM_CHARS = MESSAGE_CHARS - 500;
const DRAFT_AFTER_MS = 400;
/** Others see "typing" for six seconds (TYPING_TTL_MS), so it is said again well before that. */
const TYPING_EVERY_MS = 4000;

/** @typedef {{ room: RoomItem, connection: Connection }} ComposerModel */

/**
 * Where one writes. Enter sends, Shift+Enter breaks the line; while an input method composes a letter, as Vietnamese ones
 * do, Enter belongs to it. The draft is kept by the engine and comes back with the room.
 * @param {App} app
 * @param {{ room: RoomItem, onSent: () => void }} options
 * @returns {Component<ComposerModel>}
 */
export function composer(app, { room: first, onSent }) {
  const room = first.id;
  const input = h("textarea", {
    class: "input",
    rows: 1,
    dir: "auto",
    enterkeyhint: "send",
    autocomplete: "off",
    "aria-label": t("composer.label", { name: first.peer.displayName }),
    placeholder: t("composer.placeholder"),
    "data-testid": "message-input",
  });
  const send = button({
    label: t("composer.send"),
    icon: "send",
    iconOnly: true,
    kind: "primary",
    type: "submit",
    testId: "message-send",
  });
  const counter = h("span", { class: "caption counter", role: "status" });
  const hint = h("p", { class: "caption muted hint" });
  const form = h(
    "form",
    { class: "row", on: { submit: (event) => (event.preventDefault(), void submit()) } },
    input,
    counter,
    send.el,
  );
  const el = h("div", { class: "composer" }, hint, form);
  input.value = first.draft;

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let draftTimer;
  let savedDraft = first.draft;
  let typingSaidMs = 0;
  let isTyping = false;

  const left = () => MESSAGE_CHARS - [...input.value].length;

  async function submit() {
    const text = input.value;
    if (text.trim() === "") return input.focus();
    if (left() < 0) return refuse();
    input.value = "";
    changed();
    stopTyping();
    onSent();
    const stored = await act(app, "sendMessage", { room, text });
    // What could not even be stored here goes back to where it was typed, before anything typed since.
    if (stored === null) {
      input.value = text + input.value;
      changed();
    }
  }

  function refuse() {
    app.toast({ kind: "error", text: plural("composer.too_long", -left()) });
    input.focus();
  }

  function changed() {
    const remaining = left();
    const isNear = MESSAGE_CHARS - remaining >= COUNTER_FROM_CHARS;
    setText(counter, isNear ? String(remaining) : "");
    counter.dataset["over"] = String(remaining < 0);
    send.update({ disabled: input.value.trim() === "" });
    clearTimeout(draftTimer);
    draftTimer = setTimeout(saveDraft, DRAFT_AFTER_MS);
  }

  function saveDraft() {
    clearTimeout(draftTimer);
    if (input.value === savedDraft) return;
    savedDraft = input.value;
    void app.engine.call("saveDraft", { room, text: savedDraft }).catch(() => undefined);
  }

  function typed() {
    changed();
    if (input.value.trim() === "") return stopTyping();
    if (app.nowMs() - typingSaidMs < TYPING_EVERY_MS) return;
    typingSaidMs = app.nowMs();
    isTyping = true;
    void app.engine.call("setTyping", { room, on: true }).catch(() => undefined);
  }

  function stopTyping() {
    if (!isTyping) return;
    isTyping = false;
    typingSaidMs = 0;
    void app.engine.call("setTyping", { room, on: false }).catch(() => undefined);
  }

  input.addEventListener("input", typed);
  input.addEventListener("blur", stopTyping);
  input.addEventListener("keydown", (event) => {
    // 229: Safari ends composition before the key that ended it arrives.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229)
      return;
    event.preventDefault();
    form.requestSubmit();
  });
  changed();

  return {
    el,
    update({ room: { sendBlocked, peer }, connection }) {
      form.hidden = sendBlocked !== null;
      const offline = connection.status !== "online" && sendBlocked === null;
      hint.hidden = sendBlocked === null && !offline;
      if (sendBlocked === "not-contact") {
        setText(hint, t("composer.not_contact", { name: peer.displayName }));
      } else if (sendBlocked === "identity") {
        setText(hint, t("composer.identity", { name: peer.displayName }));
      } else if (offline) setText(hint, t("composer.offline"));
    },
    destroy() {
      saveDraft();
      stopTyping();
      input.value = "";
    },
  };
}
