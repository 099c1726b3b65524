/** @import { Attachment } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { fileNameLine } from "../ui/file-name.js";
import { formatDuration } from "../ui/format.js";
import { t } from "../ui/i18n.js";
import { galleryStage } from "./gallery-stage.js";
import { saveFile } from "./save-file.js";

/** A finger that moved this far to the side meant the next picture. */
const SWIPE_PX = 48;

/**
 * A picture, or a film.
 * @typedef {Pick<Attachment, "index" | "name" | "mime" | "show" | "thumb" | "durationMs"> & { key: string }} Picture
 */

/**
 * Pictures and films as large as the screen, one at a time: arrow keys and swipes turn, a click enlarges a picture or
 * begins a film, Esc closes and gives the focus back. Each is verified by the engine before it is shown, like everywhere.
 * @param {object} options
 * @param {readonly Picture[]} options.pictures
 * @param {number} options.at where to begin
 * @param {(picture: Picture) => Promise<File>} options.fetch
 * @returns {() => void} closes it
 */
export function openGallery({ pictures, at, fetch }) {
  let startX = 0;
  const name = fileNameLine();
  const place = h("span", { class: "caption", role: "status" });
  const stage = galleryStage(fetch);
  const save = quiet("download", t("action.save"), () => void keep());
  const close = quiet("close", t("action.close"), () => el.close());
  const back = quiet("forward", t("gallery.previous"), () => turn(-1));
  const next = quiet("forward", t("gallery.next"), () => turn(1));
  const el = h(
    "dialog",
    { class: "gallery", "aria-label": t("gallery.title"), "data-testid": "gallery" },
    h(
      "header",
      null,
      h("div", { class: "said" }, h("h2", { class: "small" }, name.el), place),
      save.el,
      close.el,
    ),
    stage.el,
    back.el,
    next.el,
  );

  function now() {
    return /** @type {Picture} */ (pictures[at]);
  }

  function show() {
    const { name: called, durationMs } = now();
    const count = t("gallery.place", { at: at + 1, count: pictures.length });
    name.update(called);
    setText(place, durationMs === null ? count : `${count} · ${formatDuration(durationMs)}`);
    back.el.hidden = at === 0;
    next.el.hidden = at === pictures.length - 1;
    stage.show(now());
  }

  async function keep() {
    const { name: called } = now();
    const file = await stage.load();
    if (file !== null) saveFile(file, called);
  }

  /** @param {number} step */
  function turn(step) {
    if (pictures[at + step] === undefined) return;
    at += step;
    show();
    // What is no longer there cannot keep the focus.
    const isLost = document.activeElement === document.body || back.el.hidden || next.el.hidden;
    if (isLost) stage.el.focus();
  }

  /** @param {KeyboardEvent} event */
  function keyed({ key, target }) {
    // Within a film these keys move in time.
    if (target instanceof HTMLVideoElement) return;
    if (key === "ArrowLeft") turn(-1);
    if (key === "ArrowRight") turn(1);
  }

  /** @param {number} endX */
  function swiped(endX) {
    const isTurned = !stage.isLarge() && Math.abs(endX - startX) > SWIPE_PX;
    if (isTurned) turn(endX < startX ? 1 : -1);
  }

  el.addEventListener("keydown", keyed);
  stage.el.addEventListener("touchstart", ({ touches }) => (startX = touches[0]?.clientX ?? 0), {
    passive: true,
  });
  stage.el.addEventListener("touchend", ({ changedTouches }) =>
    swiped(changedTouches[0]?.clientX ?? startX),
  );
  el.addEventListener("close", () => {
    stage.clear();
    el.remove();
  });
  document.body.append(el);
  el.showModal();
  show();
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
