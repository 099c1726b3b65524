/** @import { Attachment } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h, setAttribute } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { icon } from "../ui/icon.js";
import { mediaPlayer } from "./media-player.js";
import { waveform } from "./waveform.js";

/** What the sender says about the shape of a picture is believed within these bounds, width to height. */
const NARROWEST = 0.6;
const WIDEST = 2;

/**
 * The part of a file that can be seen or heard in place: a picture, a film, a sound; nothing for any other file. The type
 * of what is shown comes from a fixed list (S-33), and the browser's decoders get nothing that is not verified, but for
 * the small JPEG of the sender.
 * @param {Attachment} file
 * @param {object} options
 * @param {() => void} options.onOpen asked for by the reader
 * @param {() => void} options.onEnlarge a picture that is shown, or a film
 * @param {() => Promise<File | null>} options.onBroken gives the verified file anew, when the one that is shown has gone
 * @returns {{ el: HTMLElement | null, update: (state: "open" | "closed") => void, show: (file: File) => void,
 *   destroy: () => void }}
 */
export function attachmentMedia(
  { name, show, mime, width, height, thumb, wave },
  { onOpen, onEnlarge, onBroken },
) {
  if (show === "file") return { el: null, update() {}, show() {}, destroy() {} };
  const isSeen = show === "image" || show === "video";
  /** @type {string[]} */
  const urls = [];
  const load = button({
    label: t(show === "image" ? "attachment.show" : "attachment.play", { name }),
    icon: show === "image" ? "eye" : "play",
    iconOnly: true,
    testId: "attachment-open",
    onClick: onOpen,
  });
  const el = h("div", { class: "media", "data-kind": isSeen ? "seen" : "heard" }, load.el);
  const enlarge = h(
    "button",
    {
      class: "enlarge",
      type: "button",
      "aria-label": t("gallery.open", { name }),
      on: { click: onEnlarge },
    },
    show === "video" && icon("enlarge"),
  );
  let isShown = false;
  if (isSeen) el.style.setProperty("--ratio", String(ratioOf(width, height)));
  if (thumb !== null && isSeen) el.prepend(picture(urlOf(thumb), ""));
  if (show === "video") el.append(enlarge);
  const heard = wave === null ? null : waveform(wave);
  if (heard !== null) el.append(heard);

  /** @param {Blob} blob */
  function urlOf(blob) {
    const url = URL.createObjectURL(blob);
    urls.push(url);
    return url;
  }

  /**
   * @param {string} src
   * @param {string} alt
   */
  function picture(src, alt) {
    const made = h("img", { src, alt, decoding: "async" });
    // What only calls itself a picture is a file like any other.
    made.addEventListener("error", () => {
      made.remove();
      enlarge.remove();
    });
    return made;
  }

  /** @param {File} verified */
  function typedUrl(verified) {
    return urlOf(verified.slice(0, verified.size, mime));
  }

  /** @param {File} verified */
  function player(verified) {
    return mediaPlayer(show === "video" ? "video" : "audio", {
      name,
      src: typedUrl(verified),
      async again() {
        const file = await onBroken();
        return file && typedUrl(file);
      },
    });
  }

  return {
    el,
    update(state) {
      load.el.hidden = isShown || state === "closed";
      if (show === "video") enlarge.hidden = state === "closed";
      setAttribute(el, "data-shown", isShown);
      el.hidden = !isSeen && heard === null && load.el.hidden && !isShown;
    },
    show(verified) {
      if (isShown) return;
      isShown = true;
      load.el.hidden = true;
      const isPicture = show === "image";
      el.replaceChildren(isPicture ? picture(typedUrl(verified), name) : player(verified));
      if (isSeen) el.append(enlarge);
      if (heard !== null) el.prepend(heard);
      setAttribute(el, "data-shown", true);
      el.hidden = false;
    },
    destroy() {
      el.replaceChildren();
      for (const url of urls) URL.revokeObjectURL(url);
    },
  };
}

/**
 * @param {number | null} width
 * @param {number | null} height
 */
function ratioOf(width, height) {
  if (width === null || height === null || width <= 0 || height <= 0) return 4 / 3;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}
