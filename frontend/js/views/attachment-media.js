/** @import { Attachment } from "../session/types.js" */
import { button } from "../ui/button.js";
import { h, setAttribute } from "../ui/dom.js";
import { t } from "../ui/i18n.js";
import { waveform } from "./waveform.js";

/** What the sender says about the shape of a picture is believed within these bounds, width to height. */
const NARROWEST = 0.6;
const WIDEST = 2;

/**
 * The part of a file that can be seen or heard in place: a picture, a film, a sound; nothing for any other file. The type
 * of what is shown comes from a fixed list (S-33), and the browser's decoders get nothing that is not verified, but for
 * the small JPEG of the sender.
 * @param {Attachment} file
 * @param {() => void} onOpen asked for by the reader
 * @param {() => void} onEnlarge a picture that is shown
 * @returns {{ el: HTMLElement | null, update: (state: "open" | "closed") => void, show: (file: File) => void,
 *   destroy: () => void }}
 */
export function attachmentMedia(
  { name, show, mime, width, height, thumb, wave },
  onOpen,
  onEnlarge,
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
  const enlarge = h("button", {
    class: "enlarge",
    type: "button",
    "aria-label": t("gallery.open", { name }),
    on: { click: onEnlarge },
  });
  let isShown = false;
  if (isSeen) el.style.setProperty("--ratio", String(ratioOf(width, height)));
  if (thumb !== null && isSeen) el.prepend(picture(thumb, ""));
  const heard = wave === null ? null : waveform(wave);
  if (heard !== null) el.append(heard);

  /** @param {Blob} blob */
  function urlOf(blob) {
    const url = URL.createObjectURL(blob);
    urls.push(url);
    return url;
  }

  /**
   * @param {Blob} blob
   * @param {string} alt
   */
  function picture(blob, alt) {
    const made = h("img", { src: urlOf(blob), alt, decoding: "async" });
    // What only calls itself a picture is a file like any other.
    made.addEventListener("error", () => {
      made.remove();
      enlarge.remove();
    });
    return made;
  }

  /** @param {Blob} blob */
  function player(blob) {
    const made = h(show === "video" ? "video" : "audio", {
      src: urlOf(blob),
      controls: true,
      playsinline: true,
      "aria-label": name,
    });
    // The reader has asked for it; where the browser wants to be asked again, the controls are there.
    made.play().catch(() => undefined);
    return made;
  }

  return {
    el,
    update(state) {
      load.el.hidden = isShown || state === "closed";
      setAttribute(el, "data-shown", isShown);
      el.hidden = !isSeen && heard === null && load.el.hidden && !isShown;
    },
    show(verified) {
      if (isShown) return;
      isShown = true;
      const typed = verified.slice(0, verified.size, mime);
      load.el.hidden = true;
      el.replaceChildren(show === "image" ? picture(typed, name) : player(typed));
      if (show === "image") el.append(enlarge);
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
