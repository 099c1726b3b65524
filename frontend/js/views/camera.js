/** @import { Camera } from "./camera-stream.js" */
import { button } from "../ui/button.js";
import { h, setAttribute, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { photoOf, startCamera } from "./camera-stream.js";

/** The browser's reasons that have a sentence of their own. */
const SAID = new Set(["NotAllowedError", "NotFoundError"]);

/**
 * Take a photo: as large as the screen, what the camera sees; then the photo, to be used or taken again. The camera is on
 * only while it is looked through.
 *
 *     starting ─▶ live ⇄ taken ─▶ used
 *         └─▶ failed, in words ─▶ starting
 *
 * @param {{ onPhoto: (photo: File) => void }} options
 * @returns {() => void} closes it, without a photo
 */
export function openCamera({ onPhoto }) {
  /** @type {Camera | null} */
  let camera = null;
  /** @type {{ photo: File, url: string } | null} */
  let taken = null;
  /** @type {MediaTrackConstraints | undefined} the one that is looked through */
  let which;
  let isBusy = false;
  let hasFailed = false;

  const view = h("video", { class: "view", playsinline: true, "aria-hidden": "true" });
  view.muted = true;
  const photo = h("img", { class: "view", alt: t("camera.taken") });
  const words = h("p", { role: "status" });
  const close = quiet("close", t("action.close"), () => el.close());
  const shoot = button({
    label: t("camera.shoot"),
    icon: "camera",
    iconOnly: true,
    kind: "primary",
    testId: "camera-shoot",
    onClick: () => void take(),
  });
  const turn = quiet("camera-switch", t("camera.switch"), () => {
    which = camera?.other ?? undefined;
    void start();
  });
  turn.el.dataset["testid"] = "camera-switch";
  const again = button({
    label: t("camera.retake"),
    testId: "camera-retake",
    onClick: () => void start(),
  });
  const use = button({
    label: t("camera.use"),
    kind: "primary",
    testId: "camera-use",
    onClick: give,
  });
  const el = h(
    "dialog",
    { class: "camera", "aria-label": t("camera.title"), "data-testid": "camera" },
    h("div", { class: "stage" }, view, photo, words),
    close.el,
    h("div", { class: "actions" }, again.el, use.el, shoot.el, turn.el),
  );

  function draw() {
    const isLive = camera !== null;
    view.hidden = !isLive;
    photo.hidden = taken === null;
    again.el.hidden = taken === null && !hasFailed;
    again.update({ label: t(hasFailed ? "transfers.retry" : "camera.retake") });
    use.el.hidden = taken === null;
    setAttribute(el, "data-failed", hasFailed);
    shoot.el.hidden = !isLive;
    turn.el.hidden = (camera?.other ?? null) === null;
    setAttribute(view, "data-mirrored", camera?.isMirrored === true);
    if (isLive || taken !== null) setText(words, "");
  }

  function stop() {
    camera?.stop();
    camera = null;
    view.srcObject = null;
  }

  function forget() {
    if (taken !== null) URL.revokeObjectURL(taken.url);
    taken = null;
    photo.removeAttribute("src");
  }

  async function start() {
    if (isBusy) return;
    isBusy = true;
    hasFailed = false;
    stop();
    forget();
    setText(words, t("camera.starting"));
    draw();
    try {
      const started = await startCamera(which);
      if (!el.open) return started.stop();
      camera = started;
      // Unplugged, or taken away by the system.
      for (const track of started.stream.getTracks()) {
        track.addEventListener("ended", () => camera === started && fail(""));
      }
      view.srcObject = started.stream;
      await view.play();
      draw();
      shoot.el.focus();
    } catch (error) {
      fail(error instanceof DOMException ? error.name : "");
    } finally {
      isBusy = false;
    }
  }

  /** @param {string} name of what the browser said */
  function fail(name) {
    hasFailed = true;
    stop();
    draw();
    setText(words, t(SAID.has(name) ? `camera.${name}` : "camera.failed"));
    close.el.focus();
  }

  async function take() {
    if (isBusy || camera === null) return;
    isBusy = true;
    try {
      const made = await photoOf(view);
      if (!el.open) return;
      stop();
      taken = { photo: made, url: URL.createObjectURL(made) };
      photo.src = taken.url;
      draw();
      use.el.focus();
    } catch {
      fail("");
    } finally {
      isBusy = false;
    }
  }

  function give() {
    const made = taken?.photo;
    el.close();
    if (made !== undefined) onPhoto(made);
  }

  el.addEventListener("close", () => {
    stop();
    forget();
    el.remove();
  });
  document.body.append(el);
  el.showModal();
  void start();
  return () => el.close();
}

/**
 * @param {string} icon
 * @param {string} label
 * @param {() => void} onClick
 */
function quiet(icon, label, onClick) {
  return button({ label, icon, iconOnly: true, kind: "quiet", onClick });
}
