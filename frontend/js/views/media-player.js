import { h } from "../ui/dom.js";

/**
 * What the engine hands out lies in files of the tab that leads, or has been let go for something newer. When that is gone,
 * the file has to be asked for again.
 * @param {Blob} file
 * @returns {Promise<boolean>} whether its bytes are still there
 */
export async function isReadable(file) {
  try {
    await file.slice(-1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/**
 * A film or a sound, which begins to play, and goes on where it was when its bytes have gone meanwhile.
 * @template {"video" | "audio"} Tag
 * @param {Tag} tag
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.src
 * @param {() => Promise<string | null>} options.again the same once more; null when nothing but its content is wrong
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function mediaPlayer(tag, { name, src, again }) {
  const el = h(tag, { src, controls: true, playsinline: true, "aria-label": name });
  const play = () => void el.play().catch(() => undefined);
  let isAsking = false;

  async function goOn() {
    if (isAsking) return;
    isAsking = true;
    const { currentTime, paused } = el;
    const other = await again();
    isAsking = false;
    if (other === null) return;
    el.src = other;
    el.currentTime = currentTime;
    if (!paused) play();
  }
  el.addEventListener("error", () => void goOn());
  // Chromium tries for half a minute to read what has gone before it says so.
  el.addEventListener("waiting", () => void goOn());
  // It was asked for; where the browser wants to be asked again, the controls are there.
  play();
  return el;
}
