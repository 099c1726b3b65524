/** @import { Picture } from "./gallery.js" */
import { button } from "../ui/button.js";
import { h, setText } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { errorText } from "./error-text.js";
import { isReadable, mediaPlayer } from "./media-player.js";

/**
 * The middle of the gallery: a picture as soon as it is verified; a film as the small picture its sender gave it, until it
 * is asked for. What is not on the stage any more is let go.
 * @param {(picture: Picture) => Promise<File>} fetch
 */
export function galleryStage(fetch) {
  /** @type {Picture | null} */
  let item = null;
  /** @type {File | null} verified, of `item` */
  let file = null;
  /** @type {string[]} */
  let urls = [];
  const problem = h("p", { role: "alert" });
  const shown = h("div", { class: "shown" });
  const el = h("div", { class: "stage", tabindex: "-1" }, shown, problem);

  /** @param {Blob} blob */
  function urlOf(blob) {
    const url = URL.createObjectURL(blob);
    urls.push(url);
    return url;
  }

  /** @returns {Promise<File | null>} null when it failed, which is said, or when another one is on the stage by now */
  async function load() {
    const wanted = item;
    if (wanted === null) return null;
    try {
      const isHere = file !== null && (await isReadable(file));
      const fetched = isHere ? file : await fetch(wanted);
      if (wanted === item) file = fetched;
    } catch (error) {
      if (wanted === item) setText(problem, errorText(error));
    }
    return wanted === item ? file : null;
  }

  /** @param {Picture} picture */
  async function showPicture({ name, mime }) {
    const fetched = await load();
    if (fetched === null) return;
    const src = urlOf(fetched.slice(0, fetched.size, mime));
    shown.replaceChildren(h("img", { src, alt: name, on: { click: enlarge } }));
  }

  /** @param {Picture} film */
  function showPoster({ name, thumb }) {
    const ask = button({
      label: t("attachment.play", { name }),
      icon: "play",
      iconOnly: true,
      testId: "gallery-play",
      onClick: () => void play(ask),
    });
    const face = thumb === null ? null : h("img", { src: urlOf(thumb), alt: "" });
    shown.replaceChildren(h("div", { class: "poster" }, face, ask.el));
  }

  /** @param {ReturnType<typeof button>} ask */
  async function play(ask) {
    ask.update({ busy: true });
    const fetched = await load();
    ask.update({ busy: false });
    if (fetched === null || item === null) return;
    const { name, mime } = item;
    const srcOf = (/** @type {File} */ film) => urlOf(film.slice(0, film.size, mime));
    const film = mediaPlayer("video", {
      name,
      src: srcOf(fetched),
      async again() {
        if (await isReadable(fetched)) return null;
        const other = await load();
        return other && srcOf(other);
      },
    });
    shown.replaceChildren(film);
    film.focus();
  }

  function enlarge() {
    if (el.dataset["large"] === undefined) el.dataset["large"] = "";
    else delete el.dataset["large"];
  }

  function clear() {
    item = null;
    file = null;
    shown.replaceChildren();
    delete el.dataset["large"];
    setText(problem, "");
    for (const url of urls) URL.revokeObjectURL(url);
    urls = [];
  }

  return {
    el,
    load,
    clear,
    isLarge: () => el.dataset["large"] !== undefined,
    /** @param {Picture} next */
    show(next) {
      clear();
      item = next;
      if (next.show === "video") showPoster(next);
      else void showPicture(next);
    },
  };
}
