import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { errorText } from "./error-text.js";
import { saveFile } from "./save-file.js";

/** A finger that moved this far to the side meant the next picture. */
const SWIPE_PX = 48;

/** @typedef {{ key: string, index: number, name: string, mime: string }} Picture */

/**
 * Pictures as large as the screen, one at a time: arrow keys and swipes turn, a click enlarges, Esc closes and gives the
 * focus back. Each is verified by the engine before it is shown, like everywhere.
 * @param {object} options
 * @param {readonly Picture[]} options.pictures
 * @param {number} options.at where to begin
 * @param {(picture: Picture) => Promise<File>} options.fetch
 * @returns {() => void} closes it
 */
export function openGallery({ pictures, at, fetch }) {
  let url = "";
  let startX = 0;
  /** @type {File | null} */
  let file = null;
  const name = h("h2", { class: "truncate small" });
  const place = h("span", { class: "caption", role: "status" });
  const problem = h("p", { role: "alert" });
  const image = h("img", { alt: "", on: { click: enlarge } });
  const stage = h("div", { class: "stage", tabindex: "-1" }, image, problem);
  const save = quiet(
    "download",
    t("action.save"),
    () => file !== null && saveFile(file, now().name),
  );
  const close = quiet("close", t("action.close"), () => el.close());
  const back = quiet("forward", t("gallery.previous"), () => turn(-1));
  const next = quiet("forward", t("gallery.next"), () => turn(1));
  const el = h(
    "dialog",
    { class: "gallery", "aria-label": t("gallery.title"), "data-testid": "gallery" },
    h("header", null, h("div", { class: "said" }, name, place), save.el, close.el),
    stage,
    back.el,
    next.el,
  );

  function now() {
    return /** @type {Picture} */ (pictures[at]);
  }

  async function show() {
    const wanted = now();
    const count = { at: at + 1, count: pictures.length };
    setText(name, wanted.name);
    setText(place, t("gallery.place", count));
    back.el.hidden = at === 0;
    next.el.hidden = at === pictures.length - 1;
    clear();
    try {
      const fetched = await fetch(wanted);
      if (wanted !== now() || !el.open) return;
      file = fetched;
      url = URL.createObjectURL(fetched.slice(0, fetched.size, wanted.mime));
      image.src = url;
      image.alt = wanted.name;
      image.hidden = false;
    } catch (error) {
      if (wanted === now()) setText(problem, errorText(error));
    }
  }

  function clear() {
    file = null;
    image.hidden = true;
    image.removeAttribute("src");
    delete stage.dataset["large"];
    setText(problem, "");
    URL.revokeObjectURL(url);
  }

  /** @param {number} step */
  function turn(step) {
    if (pictures[at + step] === undefined) return;
    at += step;
    void show();
    // A button that is no longer there cannot keep the focus.
    if (document.activeElement === document.body || back.el.hidden || next.el.hidden) stage.focus();
  }

  function enlarge() {
    if (stage.dataset["large"] === undefined) stage.dataset["large"] = "";
    else delete stage.dataset["large"];
  }

  /** @param {KeyboardEvent} event */
  function keyed({ key }) {
    if (key === "ArrowLeft") turn(-1);
    if (key === "ArrowRight") turn(1);
  }

  /** @param {number} endX */
  function swiped(endX) {
    const isTurned = stage.dataset["large"] === undefined && Math.abs(endX - startX) > SWIPE_PX;
    if (isTurned) turn(endX < startX ? 1 : -1);
  }

  el.addEventListener("keydown", keyed);
  stage.addEventListener("touchstart", ({ touches }) => (startX = touches[0]?.clientX ?? 0), {
    passive: true,
  });
  stage.addEventListener("touchend", ({ changedTouches }) =>
    swiped(changedTouches[0]?.clientX ?? startX),
  );
  el.addEventListener("close", () => {
    clear();
    el.remove();
  });
  document.body.append(el);
  el.showModal();
  void show();
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
