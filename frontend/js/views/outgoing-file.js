/**
 * Files made ready on this device before they are sent: photos without what they say beside the picture, a small picture
 * for whoever has not fetched the file, its shape and length. Reading and drawing is all done here; nothing is sent.
 */

/** @import { OutgoingFile } from "../session/types.js" */
import { withoutTraces } from "../lib/file-metadata.js";
import { photoType, withoutMetadata } from "../lib/photo-metadata.js";
import { isMadeHere, madeHere } from "./recordings.js";

const THUMB_PX = 320; // the longer side
const THUMB_BYTES = 12_288; // docs/crypto.md §10.3
const QUALITIES = [0.75, 0.6, 0.45, 0.3];
const REDRAWN_QUALITY = 0.92;
/** A browser that cannot play a file may never say so. */
const MEDIA_WAIT_MS = 5000;
/** Into a film: its first frame is often black. */
const FRAME_S = 1;
/** What a camera makes. An SVG is drawn, so it was taken nowhere. */
const SEEN = /^(image\/(?!svg)|video\/)/;
const PICTURES = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"]);

/** @typedef {Omit<OutgoingFile, "file">} Hints */
/**
 * What whoever sends it should know. `may_tell_place`: it shows or plays, and what it says beside that could not be taken
 * out. `picture_alone`: more was taken out than what tells of the picture. `as_it_is`: nothing was, as they wished.
 * @typedef {"may_tell_place" | "picture_alone" | "as_it_is"} Note
 */
/**
 * `hasLost`: something was taken out, or is left in where it could have been.
 * @typedef {{ outgoing: OutgoingFile, hasLost: boolean, note: Note | null }} Prepared
 */

/** @typedef {{ file: File, hasLost: boolean, note: "picture_alone" | null }} Clean */

/** @type {Hints} */
const NO_HINTS = { thumb: null, width: null, height: null, durationMs: null, wave: null };

/**
 * Rejects when the file cannot be read: it was moved or changed, or it is a folder.
 * @param {File} chosen
 * @param {{ asItIs?: boolean }} [options] asItIs: with what it says beside its content
 * @returns {Promise<Prepared>}
 */
export async function prepareFile(chosen, { asItIs = false } = {}) {
  const clean = asItIs ? null : await cleaned(chosen);
  const file = clean?.file ?? chosen;
  const [kind] = file.type.split("/");
  let hints = NO_HINTS;
  if (PICTURES.has(file.type)) hints = await pictureHints(file);
  if (kind === "video" || kind === "audio") hints = await mediaHints(file, kind);
  const mayTell = clean === null && (SEEN.test(file.type) || hints.width !== null);
  const note = asItIs ? "as_it_is" : mayTell ? "may_tell_place" : (clean?.note ?? null);
  return { outgoing: { file, ...hints }, hasLost: asItIs || clean?.hasLost === true, note };
}

/**
 * @param {File} file
 * @returns {Promise<Clean | null>} a photo, film or sound without what it says beside; null for every other file, and for
 *   what calls itself one and can be neither understood nor drawn
 */
async function cleaned(file) {
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const type = photoType(head);
  if (type !== null) return cleanPhoto(file, type);
  const clean = await withoutTraces(file);
  return clean && { file: named(clean, file), hasLost: true, note: null };
}

/**
 * @param {File} file
 * @param {string} type by its content
 * @returns {Promise<Clean | null>} drawn anew where its metadata turn it
 */
async function cleanPhoto(file, type) {
  const clean = withoutMetadata(new Uint8Array(await file.arrayBuffer()));
  if (clean !== null) {
    const photo = new Blob(clean.parts, { type });
    const note = clean.isAlone ? "picture_alone" : null;
    return { file: named(photo, file), hasLost: photo.size !== file.size, note };
  }
  const bitmap = await bitmapOf(file);
  if (bitmap === null) return null;
  const drawn = await draw(bitmap, bitmap.width, bitmap.height, type, REDRAWN_QUALITY);
  bitmap.close();
  return drawn && { file: named(drawn, file), hasLost: true, note: "picture_alone" };
}

/**
 * @param {Blob} blob
 * @param {File} file
 */
function named(blob, file) {
  const same = new File([blob], file.name, { type: blob.type });
  return isMadeHere(file) ? madeHere(same) : same;
}

/**
 * @param {Blob} blob
 * @returns {Promise<ImageBitmap | null>} null when it is no picture the browser can draw
 */
function bitmapOf(blob) {
  return createImageBitmap(blob).catch(() => null);
}

/**
 * @param {File} file
 * @returns {Promise<Hints>}
 */
async function pictureHints(file) {
  const bitmap = await bitmapOf(file);
  if (bitmap === null) return NO_HINTS;
  const { width, height } = bitmap;
  const thumb = await thumbOf(bitmap, width, height);
  bitmap.close();
  return { ...NO_HINTS, thumb, width, height };
}

/**
 * @param {File} file
 * @param {"video" | "audio"} kind
 * @returns {Promise<Hints>}
 */
async function mediaHints(file, kind) {
  const player = document.createElement(kind);
  const url = URL.createObjectURL(file);
  player.muted = true;
  player.preload = "auto";
  player.src = url;
  try {
    await happens(player, kind === "video" ? "loadeddata" : "loadedmetadata");
    const durationMs = Number.isFinite(player.duration) ? Math.round(player.duration * 1000) : null;
    if (!(player instanceof HTMLVideoElement)) return { ...NO_HINTS, durationMs };
    return { ...(await frameHints(player)), durationMs };
  } catch {
    return NO_HINTS;
  } finally {
    player.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

/**
 * @param {HTMLVideoElement} film
 * @returns {Promise<Hints>}
 */
async function frameHints(film) {
  const { videoWidth: width, videoHeight: height } = film;
  if (width === 0 || height === 0) return NO_HINTS;
  const isSought = happens(film, "seeked");
  film.currentTime = Math.min(FRAME_S, film.duration / 2 || 0);
  await isSought;
  return { ...NO_HINTS, thumb: await thumbOf(film, width, height), width, height };
}

/**
 * @param {HTMLMediaElement} player
 * @param {string} type of event
 * @returns {Promise<void>} rejects when it fails or takes too long
 */
function happens(player, type) {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(MEDIA_WAIT_MS);
    player.addEventListener(type, () => resolve(), { once: true });
    player.addEventListener("error", reject, { once: true });
    signal.addEventListener("abort", reject, { once: true });
  });
}

/**
 * @param {CanvasImageSource} source
 * @param {number} width of the source, px
 * @param {number} height
 * @returns {Promise<Blob | null>} a JPEG of at most THUMB_BYTES
 */
async function thumbOf(source, width, height) {
  for (let longest = THUMB_PX; longest >= 40; longest /= 2) {
    const scale = Math.min(1, longest / Math.max(width, height));
    const [w, h] = [
      Math.max(1, Math.round(width * scale)),
      Math.max(1, Math.round(height * scale)),
    ];
    for (const quality of QUALITIES) {
      const thumb = await draw(source, w, h, "image/jpeg", quality);
      if (thumb !== null && thumb.size <= THUMB_BYTES) return thumb;
    }
  }
  return null;
}

/**
 * @param {CanvasImageSource} source
 * @param {number} width px
 * @param {number} height
 * @param {string} type
 * @param {number} quality 0 … 1
 * @returns {Promise<Blob | null>} null when the browser cannot
 */
function draw(source, width, height, type, quality) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  if (context === null) return Promise.resolve(null);
  if (type === "image/jpeg") {
    // A JPEG has no transparent places; they would become black.
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(source, 0, 0, width, height);
  return new Promise((resolve) => {
    canvas.toBlob(resolve, type, quality);
  });
}
