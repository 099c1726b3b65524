/** A PNG without what it says beside the picture. */

/** @import { Bytes } from "./bytes.js" */
/** @import { Cleaned } from "./photo-metadata.js" */
import { latin, uint } from "./binary.js";
import { isTurned } from "./exif.js";

const BEGIN = "\x89PNG\r\n\x1a\n";
const KEPT = new Set(
  "tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs hIST sPLT acTL fcTL fdAT cICP mDCV cLLI".split(" "),
);
/** Chunks that only tell of the picture. */
const METADATA = new Set("eXIf tIME dSIG caBX iDOT orNT vpAg".split(" "));
const TEXTS = new Set(["tEXt", "zTXt", "iTXt"]);
const KEYWORD_CHARS = 79;
/** Texts that do so too: those that the standard names, XMP, and what image programs write. */
const TELLS =
  /^(Title|Author|Description|Copyright|Creation Time|Software|Disclaimer|Warning|Source|Comment|Collection|XML:com\.adobe\.xmp|Raw profile type .*|(date|exif|icc|photoshop|tiff|xmp|Thumb):.*)$/;

/** @param {Bytes} bytes */
export function isPng(bytes) {
  return latin(bytes, 0, BEGIN.length) === BEGIN;
}

/**
 * @param {Bytes} bytes a whole file
 * @returns {Cleaned | null} null when it is cut off or malformed, or turned by its metadata
 */
export function cleanPng(bytes) {
  const parts = [bytes.subarray(0, BEGIN.length)];
  let isAlone = false;
  for (let at = BEGIN.length; at + 12 <= bytes.length;) {
    const end = at + 12 + uint(bytes, at, 4);
    const type = latin(bytes, at + 4, 4);
    const data = bytes.subarray(at + 8, end - 4);
    if (end > bytes.length || (type === "eXIf" && isTurned(data))) return null;
    // A capital first letter: without this chunk there is no picture.
    if (/^[A-Z]/.test(type) || KEPT.has(type)) parts.push(bytes.subarray(at, end));
    else isAlone ||= !isMetadata(type, data);
    if (type === "IEND") return { parts, isAlone: isAlone || end < bytes.length };
    at = end;
  }
  return null;
}

/**
 * @param {string} type
 * @param {Bytes} data
 * @returns {boolean} false for what may be content: the drawing that a picture was made from, another program's state
 */
function isMetadata(type, data) {
  if (!TEXTS.has(type)) return METADATA.has(type);
  const [keyword = ""] = latin(data, 0, KEYWORD_CHARS + 1).split("\0");
  return TELLS.test(keyword);
}
