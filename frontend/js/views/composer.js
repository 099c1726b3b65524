/** @import { App } from "./types.js" */
/** @import { Component } from "../ui/dom.js" */
/** @import { Connection, OutgoingFile, RoomItem } from "../session/types.js" */
import { MESSAGE_CHARS } from "../protocol/limits.js";
import { Disposables } from "../lib/disposables.js";
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { plural, t } from "../ui/i18n.js";
import { act } from "./act.js";
import { attachmentTray } from "./attachment-tray.js";
import { canPhotograph } from "./camera-stream.js";
import { openCamera } from "./camera.js";
import { fileInput } from "./file-input.js";
import { pastedFiles } from "./pasted-files.js";
import { isMadeHere, keepRecordings, takeRecordings } from "./recordings.js";
import { typingSignal } from "./typing-signal.js";
import { voiceMessage } from "./voice-message.js";
import { canRecord } from "./voice-recording.js";

/** Only somebody close to the limit wants to know it. */
const COUNTER_FROM_CHARS = MESSAGE_CHARS - 500;
const DRAFT_AFTER_MS = 400;
/** The input is as high as its text, of which it shows eight lines; no screen is so wide that more would fit in. */
const GROWN_CHARS = 4000;

/** @typedef {{ room: RoomItem, connection: Connection }} ComposerModel */
/**
 * @typedef {Component<ComposerModel> & {
 *   focus: () => void,
 *   canWrite: () => boolean,
 *   putBack: (text: string) => void,
 *   attach: (files: File[]) => void,
 * }} Composer  putBack: give a text that was not sent back to whoever typed it
 */

/**
 * Where one writes. Enter sends, Shift+Enter breaks the line; while an input method composes a letter, as Vietnamese ones
 * do, Enter belongs to it. The draft is kept by the engine and comes back with the room. Files that are chosen, dropped or
 * pasted wait in a tray; the text goes with them.
 * @param {App} app
 * @param {{ room: RoomItem, onSend: () => void }} options
 * @returns {Composer}
 */
export function composer(app, { room: first, onSend }) {
  const undo = new Disposables();
  const room = first.id;
  const typing = typingSignal(app, room);
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
  const grow = h("div", { class: "grow" }, input);
  const sending = button({
    label: t("composer.send"),
    icon: "send",
    iconOnly: true,
    kind: "primary",
    type: "submit",
    testId: "message-send",
  });
  const counter = h("span", { class: "caption counter", role: "status" });
  const hint = h("p", { class: "caption muted hint", role: "status" });
  const tray = attachmentTray(app, { onChange: changed, onRefuse: refuse });
  const camera = { label: t("camera.open"), icon: "camera", onSelect: photograph };
  const choose = fileInput(attach, undefined, canPhotograph() ? [camera] : []);
  const voice = voiceMessage({
    onSend: (file) => void sendVoice(file),
    onRefuse: refuse,
    onOpen,
    onLeft: (file) => keepRecordings(room, { voice: file }),
  });
  const speak = button({
    label: t("voice.record"),
    icon: "mic",
    iconOnly: true,
    kind: "quiet",
    testId: "voice-record",
    onClick: () => void voice.record(),
  });
  const form = h(
    "form",
    { class: "row", on: { submit: (event) => (event.preventDefault(), void submit()) } },
    choose.el,
    grow,
    counter,
    speak.el,
    sending.el,
  );
  const el = h("div", { class: "composer" }, hint, tray.el, form, voice.el);
  /** @type {ComposerModel} */
  let model = { room: first, connection: { status: "online", retryAtMs: null } };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let draftTimer;
  let savedDraft = first.draft;
  let refusal = "";
  let isPreparing = false;
  let isSpeaking = false;
  input.value = first.draft;

  const left = () => MESSAGE_CHARS - [...input.value].length;

  async function submit() {
    if (isPreparing) return;
    if (input.value.trim() === "" && tray.count() === 0) return refuse(t("composer.empty"));
    if (left() < 0) return refuse(plural("composer.too_long", -left()));
    const files = tray.count() === 0 ? [] : await readyFiles();
    if (files === null) return;
    const text = input.value;
    input.value = "";
    tray.clear();
    typing.stop();
    onSend();
    const stored = await send(text, files);
    if (stored === null) putBack(text, files);
    // The engine empties the draft as it stores the message.
    else if (savedDraft === text) savedDraft = "";
  }

  async function readyFiles() {
    isPreparing = true;
    sending.update({ busy: true });
    const files = await tray.ready();
    isPreparing = false;
    changed();
    return files;
  }

  /**
   * @param {string} text
   * @param {OutgoingFile[]} files
   */
  function send(text, files) {
    if (files.length === 0) return act(app, "sendMessage", { room, text });
    return act(app, "sendFiles", { room, text, files });
  }

  /** @param {OutgoingFile} file */
  async function sendVoice(file) {
    onSend();
    const stored = await send("", [file]);
    if (stored === null) putBack("", [file]);
  }

  /** @param {boolean} isOpen */
  function onOpen(isOpen) {
    isSpeaking = isOpen;
    draw();
    if (!isOpen) input.focus();
  }

  /** @param {File[]} files */
  function attach(files) {
    if (model.room.sendBlocked !== null) return;
    tray.add(files);
    input.focus();
  }

  function photograph() {
    undo.add(openCamera({ onPhoto: (photo) => attach([photo]) }));
  }

  /** @param {ClipboardEvent} event */
  function pasted(event) {
    const files = pastedFiles(event);
    if (files.length > 0) attach(files);
  }

  /** @param {string} why */
  function refuse(why) {
    refusal = why;
    draw();
    input.focus();
  }

  /**
   * @param {string} text before anything that has been typed since
   * @param {OutgoingFile[]} [files]
   */
  function putBack(text, files = []) {
    input.value = [text, input.value].filter((each) => each !== "").join("\n");
    tray.putBack(files);
    input.focus();
  }

  function changed() {
    const remaining = left();
    const isNear = MESSAGE_CHARS - remaining >= COUNTER_FROM_CHARS;
    setText(counter, isNear ? String(remaining) : "");
    counter.dataset["over"] = String(remaining < 0);
    const isEmpty = input.value.trim() === "" && tray.count() === 0;
    sending.update({ disabled: isEmpty, busy: isPreparing });
    // A voice message goes alone, and a phone has little room beside a text.
    speak.el.hidden = !isEmpty || !canRecord();
    refusal = "";
    draw();
    grow.dataset["text"] = input.value.slice(0, GROWN_CHARS);
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
    if (input.value.trim() === "") typing.stop();
    else typing.say();
  }

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    // 229: Safari ends composition before the key that ended it arrives.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  }

  function draw() {
    const { room: item, connection } = model;
    const { sendBlocked } = item;
    const why = refusal || whyNot(item) || (isAway(connection) ? t("composer.offline") : "");
    form.hidden = sendBlocked !== null || isSpeaking;
    hint.hidden = why === "";
    setText(hint, why);
  }

  undo.listen(input, "input", typed);
  undo.listen(input, "blur", typing.stop);
  undo.listen(input, "keydown", keyed);
  undo.listen(input, "paste", pasted);
  // The pointer leaves the focus in the input, so that a phone keeps its keyboard up.
  undo.listen(sending.el, "pointerdown", (event) => event.preventDefault());
  undo.listen(window, "pagehide", saveDraft);
  undo.add(() => keepRecordings(room, { photos: tray.chosen().filter(isMadeHere) }));
  undo.add(tray.destroy);
  undo.add(voice.destroy);
  undo.add(() => {
    saveDraft();
    typing.stop();
    input.value = "";
    grow.dataset["text"] = "";
  });
  changed();
  const kept = takeRecordings(room);
  tray.add(kept.photos);
  if (kept.voice !== null) voice.show(kept.voice);

  return {
    el,
    focus: () => input.focus(),
    canWrite: () => model.room.sendBlocked === null,
    putBack,
    attach,
    update(next) {
      model = next;
      draw();
    },
    destroy: () => undo.dispose(),
  };
}

/** @param {RoomItem} room */
function whyNot({ sendBlocked, peer }) {
  const name = peer.displayName;
  if (sendBlocked === "not-contact") return t("composer.not_contact", { name });
  return sendBlocked === "identity" ? t("composer.identity", { name }) : "";
}

/** @param {Connection} connection */
function isAway({ status }) {
  return status !== "online";
}
