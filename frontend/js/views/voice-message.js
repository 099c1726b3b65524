/** @import { OutgoingFile } from "../session/types.js" */
/** @import { Recording } from "./voice-recording.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatDuration } from "../ui/format.js";
import { plural, t } from "../ui/i18n.js";
import { askDiscard } from "./ask-discard.js";
import { beginRecording, LONGEST_MS } from "./voice-recording.js";

/** The browser's reasons that have a sentence of their own. */
const SAID = new Set(["NotAllowedError", "NotFoundError"]);

const MINUTE_MS = 60_000;

/**
 * A voice message: record, listen, send or throw away.
 *
 *     closed ─▶ recording ─▶ listening ─▶ closed
 *        ▲──────────┴──────────────┘
 *
 * @param {object} options
 * @param {(file: OutgoingFile) => void} options.onSend
 * @param {(why: string) => void} options.onRefuse in words
 * @param {(isOpen: boolean) => void} options.onOpen it takes the place of the input, or gives it back
 * @param {(file: OutgoingFile) => void} options.onLeft the room was left before it was sent or thrown away
 */
export function voiceMessage({ onSend, onRefuse, onOpen, onLeft }) {
  /** @type {Recording | null} */
  let recording = null;
  /** @type {{ file: OutgoingFile, url: string } | null} */
  let made = null;
  let isAsking = false;
  let isOpen = false;
  let isEnded = false;

  const time = h("span", { class: "time small", role: "timer" });
  const level = h("span", { class: "level", "aria-hidden": "true" });
  const said = h("span", { class: "caption", role: "status" });
  const player = h("audio", { controls: true, "aria-label": t("voice.listen") });
  const away = button({
    label: t("voice.discard"),
    icon: "trash",
    iconOnly: true,
    kind: "quiet",
    testId: "voice-discard",
    onClick: () => void discard(),
  });
  const stop = button({
    label: t("voice.stop"),
    icon: "stop",
    iconOnly: true,
    kind: "primary",
    testId: "voice-stop",
    onClick: () => void listen(),
  });
  const send = button({
    label: t("composer.send"),
    icon: "send",
    iconOnly: true,
    kind: "primary",
    testId: "voice-send",
    onClick: give,
  });
  const el = h(
    "div",
    { class: "voice-message", role: "group", "aria-label": t("voice.record") },
    away.el,
    level,
    time,
    player,
    said,
    stop.el,
    send.el,
  );
  draw();

  function draw() {
    el.hidden = recording === null && made === null;
    for (const part of [level, time, stop.el]) part.hidden = recording === null;
    for (const part of [player, send.el]) part.hidden = made === null;
  }

  async function record() {
    if (isAsking || recording !== null || made !== null) return;
    isAsking = true;
    try {
      const begun = await beginRecording(
        (loud, elapsedMs) => {
          level.style.setProperty("--level", String(loud / 255));
          setText(time, formatDuration(elapsedMs));
          if (elapsedMs >= LONGEST_MS) end(plural("voice.longest", LONGEST_MS / MINUTE_MS));
        },
        () => end(t("voice.silenced")),
      );
      if (isEnded) return begun.cancel();
      recording = begun;
      setText(time, formatDuration(0));
      open();
      stop.el.focus();
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      onRefuse(t(SAID.has(name) ? `voice.${name}` : "voice.failed"));
    } finally {
      isAsking = false;
    }
  }

  function open() {
    isOpen = true;
    draw();
    onOpen(true);
  }

  /** @param {OutgoingFile} file */
  function play(file) {
    made = { file, url: URL.createObjectURL(file.file) };
    player.src = made.url;
  }

  /** @param {string} why in words */
  function end(why) {
    if (recording === null) return;
    setText(said, why);
    void listen();
  }

  async function listen() {
    const ended = recording;
    recording = null;
    if (ended === null) return;
    const file = await ended.stop();
    if (isEnded) return onLeft(file);
    // Thrown away meanwhile.
    if (!isOpen) return;
    play(file);
    draw();
    send.el.focus();
  }

  function give() {
    const file = made?.file;
    close();
    if (file !== undefined) onSend(file);
  }

  async function discard() {
    if (await askDiscard("recording")) close();
  }

  function close() {
    recording?.cancel();
    recording = null;
    isOpen = false;
    player.pause();
    player.removeAttribute("src");
    if (made !== null) URL.revokeObjectURL(made.url);
    made = null;
    setText(said, "");
    draw();
    onOpen(false);
  }

  return {
    el,
    record,
    /** @param {OutgoingFile} file that was recorded before */
    show(file) {
      play(file);
      open();
    },
    destroy() {
      isEnded = true;
      void listen();
      if (made === null) return;
      URL.revokeObjectURL(made.url);
      onLeft(made.file);
    },
  };
}
