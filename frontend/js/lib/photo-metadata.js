/**
 * What a photo says beside the picture: where and when it was taken, by which device, a smaller copy from before it was
 * cropped. It is cut out between the parts of the file, so that the picture itself stays as it is, bit for bit.
 *
 * Kept is what a list names, because a list of what to remove would miss what cameras add next year. Of a JPEG's EXIF the
 * orientation is written anew, alone: to turn the picture itself would mean to compress it a second time.
 */

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */

const APP0 = 0xe0;
const EXIF = 0xe1;
const COLOUR_PROFILE = 0xe2;
const ADOBE = 0xee;
const COMMENT = 0xfe;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
const UPRIGHT = 1;
const PNG_BEGIN = "\x89PNG\r\n\x1a\n";
const PNG_KEPT = new Set(
  "tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs hIST sPLT acTL fcTL fdAT cICP mDCV cLLI".split(" "),
);
const WEBP_KEPT = new Set(["VP8 ", "VP8L", "VP8X", "ALPH", "ANIM", "ANMF", "ICCP"]);
const WEBP_HAS_EXIF_OR_XMP = 0b1100;

/**
 * @param {Bytes} bytes a whole file
 * @returns {"image/jpeg" | "image/png" | "image/webp" | null} by its first bytes, whatever its name says
 */
export function photoType(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "image/jpeg";
  if (latin(bytes, 0, 8) === PNG_BEGIN) return "image/png";
  if (latin(bytes, 0, 4) === "RIFF" && latin(bytes, 8, 4) === "WEBP") return "image/webp";
  return null;
}

/**
 * @param {Bytes} bytes a whole file of a `photoType`
 * @returns {Bytes[] | null} the parts that are kept, in order; null when it is cut off or malformed, or a PNG or WebP that
 *   is turned by its metadata: such a picture has to be drawn anew
 */
export function withoutMetadata(bytes) {
  const type = photoType(bytes);
  if (type === "image/jpeg") return cleanJpeg(bytes);
  if (type === "image/png") return cleanPng(bytes);
  return type === "image/webp" ? cleanWebp(bytes) : null;
}

/** @param {Bytes} bytes */
function cleanJpeg(bytes) {
  const kept = [bytes.subarray(0, 2)];
  let turned = false;
  for (let at = 2; at + 2 <= bytes.length;) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return null;
    // A marker may be preceded by any number of fill bytes.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    // Whatever follows the end is another picture or a film that the camera hid there.
    if (marker === END_OF_IMAGE) return [...kept, bytes.subarray(at, at + 2)];
    const segmentEnd = at + 2 + uint(bytes, at + 2, 2);
    if (segmentEnd < at + 4 || segmentEnd > bytes.length) return null;
    const end = marker === START_OF_SCAN ? scanEnd(bytes, segmentEnd) : segmentEnd;
    const segment = bytes.subarray(at, end);
    if (isKept(marker, segment)) kept.push(segment);
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
  if (marker === COLOUR_PROFILE) return latin(segment, 4, 12) === "ICC_PROFILE\0";
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
  if (marker !== EXIF || latin(segment, 4, 6) !== "Exif\0\0") return UPRIGHT;
  return tiffOrientation(segment.subarray(10));
}

/**
 * @param {Bytes} tiff
 * @returns {number} 1 … 8; 1 as well when there is none, or it makes no sense
 */
function tiffOrientation(tiff) {
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
 * @param {number} orientation
 * @returns {Bytes} a segment with one directory of one entry: the orientation, one 16-bit number
 */
function exifOf(orientation) {
  const head = [0xff, EXIF, 0, 34, ...[..."Exif\0\0MM\0*"].map((each) => each.charCodeAt(0))];
  const directory = [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...directory]);
}

/** @param {Bytes} bytes */
function cleanPng(bytes) {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + uint(bytes, at, 4);
    const type = latin(bytes, at + 4, 4);
    if (end > bytes.length || isTurned(type, bytes.subarray(at + 8, end - 4))) return null;
    // A capital first letter: without this chunk there is no picture.
    if (/^[A-Z]/.test(type) || PNG_KEPT.has(type)) kept.push(bytes.subarray(at, end));
    if (type === "IEND") return kept;
    at = end;
  }
  return null;
}

/** @param {Bytes} bytes */
function cleanWebp(bytes) {
  const fileEnd = 8 + uint(bytes, 4, 4, true);
  if (fileEnd > bytes.length) return null;
  const kept = [];
  for (let at = 12; at < fileEnd;) {
    const size = uint(bytes, at + 4, 4, true);
    const end = at + 8 + size + (size % 2);
    const type = latin(bytes, at, 4);
    if (end > fileEnd || isTurned(type, bytes.subarray(at + 8, end))) return null;
    if (WEBP_KEPT.has(type))
      kept.push(type === "VP8X" ? plainly(bytes, at, end) : bytes.subarray(at, end));
    at = end;
  }
  const head = bytes.slice(0, 12);
  const size = kept.reduce((sum, part) => sum + part.length, 4);
  new DataView(head.buffer).setUint32(4, size, true);
  return [head, ...kept];
}

/**
 * @param {Bytes} bytes
 * @param {number} at
 * @param {number} end
 * @returns {Bytes} the head of a WebP, which no longer announces EXIF and XMP
 */
function plainly(bytes, at, end) {
  const head = bytes.slice(at, end);
  head[8] = (head[8] ?? 0) & ~WEBP_HAS_EXIF_OR_XMP;
  return head;
}

/**
 * @param {string} type of a chunk
 * @param {Bytes} data
 */
function isTurned(type, data) {
  if (type !== "eXIf" && type !== "EXIF") return false;
  const tiff = latin(data, 0, 6) === "Exif\0\0" ? data.subarray(6) : data;
  return tiffOrientation(tiff) !== UPRIGHT;
}

/**
 * @param {Bytes} bytes
 * @param {number} at
 * @param {number} size 2 or 4
 * @param {boolean} [isLittle]
 * @returns {number} bytes beyond the end count as 0
 */
function uint(bytes, at, size, isLittle = false) {
  let value = 0;
  for (let index = 0; index < size; index += 1) {
    const place = isLittle ? at + size - 1 - index : at + index;
    value = value * 256 + (bytes[place] ?? 0);
  }
  return value;
}

/**
 * @param {Bytes} bytes
 * @param {number} at
 * @param {number} size
 */
function latin(bytes, at, size) {
  return String.fromCharCode(...bytes.subarray(at, at + size));
}
