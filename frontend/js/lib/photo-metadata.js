/**
 * What a photo says beside the picture: where and when it was taken, by which device, a smaller copy from before it was
 * cropped. It is cut out between the parts of the file, so that the picture itself stays as it is, bit for bit.
 *
 * Kept is what a list names, because a list of what to remove would miss what cameras add next year. So a file may lose
 * more than metadata: then whoever sends it is told.
 */

/** @import { Bytes } from "./bytes.js" */
import { cleanJpeg, isJpeg } from "./jpeg-metadata.js";
import { cleanPng, isPng } from "./png-metadata.js";
import { cleanWebp, isWebp } from "./webp-metadata.js";

/**
 * `parts` are what is kept, in order. `isAlone`: the file held something else than the picture and what is known to tell
 * of it, and only the picture was kept.
 * @typedef {{ parts: Bytes[], isAlone: boolean }} Cleaned
 */

/**
 * @param {Bytes} bytes a whole file
 * @returns {"image/jpeg" | "image/png" | "image/webp" | null} by its first bytes, whatever its name says
 */
export function photoType(bytes) {
  if (isJpeg(bytes)) return "image/jpeg";
  if (isPng(bytes)) return "image/png";
  return isWebp(bytes) ? "image/webp" : null;
}

/**
 * @param {Bytes} bytes a whole file of a `photoType`
 * @returns {Cleaned | null} null when it is cut off or malformed, or a PNG or WebP that is turned by its metadata: such a
 *   picture has to be drawn anew
 */
export function withoutMetadata(bytes) {
  if (isJpeg(bytes)) return cleanJpeg(bytes);
  if (isPng(bytes)) return cleanPng(bytes);
  return isWebp(bytes) ? cleanWebp(bytes) : null;
}
