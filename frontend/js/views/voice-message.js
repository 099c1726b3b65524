/** @import { OutgoingFile } from "../session/types.js" */
/** @import { Recording } from "./voice-recording.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { formatDuration } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { beginRecording } from "./voice-recording.js";

/** The browser's reasons that have a sentence of their own. */
const SAID = new Set(["NotAllowedError", "NotFoundError"]);

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
 */
export function voiceMessage({ onSend, onRefuse, onOpen }) {
  /** @type {Recording | null} */
  let recording = null;
  /** @type {{ file: OutgoingFile, url: string } | null} */
  let made = null;
  let isAsking = false;
  let isEnded = false;

  const time = h("span", { class: "time small", role: "timer" });
  const level = h("span", { class: "level", "aria-hidden": "true" });
  const player = h("audio", { controls: true, "aria-label": t("voice.listen") });
  const away = button({
    label: t("voice.discard"),
    icon: "trash",
    iconOnly: true,
    kind: "quiet",
    testId: "voice-discard",
    onClick: close,
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
      const begun = await beginRecording((loud, elapsedMs) => {
        level.style.setProperty("--level", String(loud / 255));
        setText(time, formatDuration(elapsedMs));
      });
      if (isEnded) return begun.cancel();
      recording = begun;
      setText(time, formatDuration(0));
      draw();
      onOpen(true);
      stop.el.focus();
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      onRefuse(t(SAID.has(name) ? `voice.${name}` : "voice.failed"));
    } finally {
      isAsking = false;
    }
  }

  async function listen() {
    const file = await recording?.stop();
    recording = null;
    if (file === undefined || isEnded) return;
    made = { file, url: URL.createObjectURL(file.file) };
    player.src = made.url;
    draw();
    send.el.focus();
  }

  function give() {
    const file = made?.file;
    close();
    if (file !== undefined) onSend(file);
  }

  function close() {
    recording?.cancel();
    recording = null;
    player.pause();
    player.removeAttribute("src");
    if (made !== null) URL.revokeObjectURL(made.url);
    made = null;
    draw();
    onOpen(false);
  }

  return {
    el,
    record,
    destroy() {
      isEnded = true;
      recording?.cancel();
      if (made !== null) URL.revokeObjectURL(made.url);
    },
  };
}
