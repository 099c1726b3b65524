/** A WebP without what it says beside the picture. */

/** @import { Bytes } from "./bytes.js" */
/** @import { Cleaned } from "./photo-metadata.js" */
import { latin, uint } from "./binary.js";
import { isTurned } from "./exif.js";

const KEPT = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP"]);
const METADATA = new Set(["EXIF", "XMP "]);
const HAS_EXIF_OR_XMP = 0b1100;

/** @param {Bytes} bytes */
export function isWebp(bytes) {
  return latin(bytes, 0, 4) === "RIFF" && latin(bytes, 8, 4) === "WEBP";
}

/**
 * @param {Bytes} bytes a whole file
 * @returns {Cleaned | null} null when it is cut off or malformed, or turned by its metadata
 */
export function cleanWebp(bytes) {
  const fileEnd = 8 + uint(bytes, 4, 4, true);
  if (fileEnd > bytes.length) return null;
  const kept = [];
  let isAlone = fileEnd < bytes.length;
  for (let at = 12; at < fileEnd;) {
    const size = uint(bytes, at + 4, 4, true);
    const end = at + 8 + size + (size % 2);
    const type = latin(bytes, at, 4);
    if (end > fileEnd || (type === "EXIF" && isTurned(bytes.subarray(at + 8, end)))) return null;
    if (KEPT.has(type))
      kept.push(type === "VP8X" ? plainly(bytes, at, end) : bytes.subarray(at, end));
    else isAlone ||= !METADATA.has(type);
    at = end;
  }
  const head = bytes.slice(0, 12);
  const size = kept.reduce((sum, part) => sum + part.length, 4);
  new DataView(head.buffer).setUint32(4, size, true);
  return { parts: [head, ...kept], isAlone };
}

/**
 * @param {Bytes} bytes
 * @param {number} at
 * @param {number} end
 * @returns {Bytes} the head of a WebP, which no longer announces EXIF and XMP
 */
function plainly(bytes, at, end) {
  const head = bytes.slice(at, end);
  head[8] = (head[8] ?? 0) & ~HAS_EXIF_OR_XMP;
  return head;
}
