/**
 * A JPEG without what it says beside the picture. Of its EXIF the orientation is written anew, alone: to turn the picture
 * itself would mean to compress it a second time.
 */

/** @import { Bytes } from "./bytes.js" */
/** @import { Cleaned } from "./photo-metadata.js" */
import { latin, uint } from "./binary.js";
import { EXIF_BEGIN, tiffOrientation, UPRIGHT } from "./exif.js";

const APP0 = 0xe0;
const EXIF = 0xe1;
const APP2 = 0xe2;
const ADOBE = 0xee;
const COMMENT = 0xfe;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;

/**
 * @param {Bytes} bytes
 * @param {number} [at]
 */
export function isJpeg(bytes, at = 0) {
  return bytes[at] === 0xff && bytes[at + 1] === 0xd8;
}

/**
 * @param {Bytes} bytes a whole file
 * @returns {Cleaned | null} null when its first picture is cut off or malformed
 */
export function cleanJpeg(bytes) {
  let picture = cleanPicture(bytes, 0);
  if (picture === null) return null;
  const { isIndexed } = picture;
  const parts = [];
  let at = 0;
  while (picture !== null) {
    parts.push(...picture.kept);
    at = picture.end;
    // What a camera hides behind its picture, it has an index of: smaller copies from before the crop, depths, gains.
    // Where there is none, pictures follow each other as those of a film.
    picture = !isIndexed && isJpeg(bytes, at) ? cleanPicture(bytes, at) : null;
  }
  return { parts, isAlone: bytes.subarray(at).some((byte) => byte !== 0) };
}

/**
 * @param {Bytes} bytes
 * @param {number} from
 * @returns {{ kept: Bytes[], end: number, isIndexed: boolean } | null}
 */
function cleanPicture(bytes, from) {
  const kept = [bytes.subarray(from, from + 2)];
  let turned = false;
  let isIndexed = false;
  for (let at = from + 2; at + 2 <= bytes.length;) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return null;
    // A marker may be preceded by any number of fill bytes.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === END_OF_IMAGE) {
      return { kept: [...kept, bytes.subarray(at, at + 2)], end: at + 2, isIndexed };
    }
    const segmentEnd = at + 2 + uint(bytes, at + 2, 2);
    if (segmentEnd < at + 4 || segmentEnd > bytes.length) return null;
    const end = marker === START_OF_SCAN ? scanEnd(bytes, segmentEnd) : segmentEnd;
    const segment = bytes.subarray(at, end);
    if (isKept(marker, segment)) kept.push(segment);
    isIndexed ||= marker === APP2 && latin(segment, 4, 4) === "MPF\0";
    const orientation = turned ? UPRIGHT : orientationOf(marker, segment);
    if (orientation !== UPRIGHT) {
      turned = true;
      kept.push(exifOf(orientation));
    }
    at = end;
  }
  return null;
}

/**
 * @param {number} marker
 * @param {Bytes} segment
 */
function isKept(marker, segment) {
  if (marker === APP2) return latin(segment, 4, 12) === "ICC_PROFILE\0";
  if (marker === APP0) return latin(segment, 4, 5) === "JFIF\0";
  if (marker === ADOBE) return latin(segment, 4, 5) === "Adobe";
  return marker < APP0 || (marker > 0xef && marker !== COMMENT);
}

/**
 * @param {Bytes} bytes
 * @param {number} from
 * @returns {number} where the next marker stands; within a scan only stuffed bytes and restarts begin with 0xff
 */
function scanEnd(bytes, from) {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    const next = bytes[at + 1] ?? 0;
    if (bytes[at] === 0xff && next !== 0 && (next < 0xd0 || next > 0xd7)) return at;
  }
  return bytes.length;
}

/**
 * @param {number} marker
 * @param {Bytes} segment
 * @returns {number} 1 … 8
 */
function orientationOf(marker, segment) {
  if (marker !== EXIF || latin(segment, 4, 6) !== EXIF_BEGIN) return UPRIGHT;
  return tiffOrientation(segment.subarray(10));
}

/**
 * @param {number} orientation
 * @returns {Bytes} a segment with one directory of one entry: the orientation, one 16-bit number
 */
function exifOf(orientation) {
  const head = [0xff, EXIF, 0, 34, ...[...`${EXIF_BEGIN}MM\0*`].map((each) => each.charCodeAt(0))];
  const directory = [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...directory]);
}
