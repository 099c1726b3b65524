/** How EXIF says that a picture is turned, read and written. */

/** @import { Bytes } from "./bytes.js" */
import { latin, uint } from "./binary.js";

export const UPRIGHT = 1;
export const EXIF_BEGIN = "Exif\0\0";

/**
 * @param {Bytes} tiff
 * @returns {number} 1 … 8; 1 as well when there is none, or it makes no sense
 */
export function tiffOrientation(tiff) {
  const isLittle = latin(tiff, 0, 2) === "II";
  const read = (/** @type {number} */ at, /** @type {number} */ size) =>
    uint(tiff, at, size, isLittle);
  const directory = read(4, 4);
  const count = Math.min(read(directory, 2), tiff.length / 12);
  for (let entry = 0; entry < count; entry += 1) {
    const at = directory + 2 + entry * 12;
    if (read(at, 2) !== 0x0112) continue;
    const value = read(at + 8, 2);
    return value >= 1 && value <= 8 ? value : UPRIGHT;
  }
  return UPRIGHT;
}

/**
 * @param {Bytes} data of a chunk with EXIF, with or without the beginning that a JPEG has it under
 * @returns {boolean} whether the picture has to be turned before it is shown
 */
export function isTurned(data) {
  const isBegun = latin(data, 0, EXIF_BEGIN.length) === EXIF_BEGIN;
  return tiffOrientation(isBegun ? data.subarray(EXIF_BEGIN.length) : data) !== UPRIGHT;
}
