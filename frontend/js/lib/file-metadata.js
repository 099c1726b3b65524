/**
 * What a file says beside its content, taken out of it without reading more than where it stands.
 *
 * Pictures, films and sounds that are made of blocks are patched; the picture and the sound stay as they are, bit for bit.
 * JPEG, PNG and WebP are read whole (photo-metadata.js): they are as small as they are many.
 */

/** @import { Patch } from "./blob-reader.js" */
import { BlobReader, patched } from "./blob-reader.js";
import { boxesIn, freed } from "./boxes.js";
import { AppError } from "./errors.js";
import { filmPatches } from "./film-metadata.js";
import { gifPatches } from "./gif-metadata.js";
import { stillPatches } from "./still-metadata.js";
import { webmPatches } from "./webm-metadata.js";

/** What may stand at the top of a file of boxes. */
const KEPT = new Set("ftyp styp moov moof mdat imda sidx ssix mfra pdin meta".split(" "));
/** What one begins with; old films have no `ftyp`. */
const BEGINNINGS = new Set(["ftyp", "styp", "moov", "mdat", "wide", "free", "skip"]);
/** A camera's own picture of boxes, which nobody reads without the ones that are not on any list. */
const RAW = "crx ";
/** A system that does not know a kind calls it octets, or nothing. */
const MEDIA = /^(image|video|audio)\//;
const EBML = "\x1a\x45\xdf\xa3";
/** @type {Readonly<Record<string, string>>} by the brand of a file of boxes */
const TYPES = {
  heic: "image/heic",
  heix: "image/heic",
  mif1: "image/heif",
  avif: "image/avif",
  avis: "image/avif",
  "qt  ": "video/quicktime",
  "M4A ": "audio/mp4",
};

/**
 * Throws: what the browser throws for a file that is not as it was.
 * @param {Blob} blob
 * @returns {Promise<Blob | null>} the same without what it says beside its content, with its type; null for a kind that
 *   is not known here, and for one that is malformed
 */
export async function withoutTraces(blob) {
  const reader = new BlobReader(blob);
  const head = await reader.latin(0, Math.min(12, reader.size));
  const [find, type] = kindOf(head);
  if (find === null) return null;
  /** @type {Patch[]} */
  const patches = [];
  try {
    for await (const patch of find(reader)) patches.push(patch);
  } catch (error) {
    if (error instanceof AppError && error.code === "malformed") return null;
    throw error;
  }
  const clean = patched(blob, patches);
  return clean.slice(0, clean.size, MEDIA.test(blob.type) ? blob.type : type);
}

/**
 * @param {string} head the first twelve bytes
 * @returns {[((reader: BlobReader) => AsyncGenerator<Patch, void>) | null, string]}
 */
function kindOf(head) {
  if (/^GIF8[79]a/.test(head)) return [gifPatches, "image/gif"];
  if (head.startsWith(EBML)) return [webmPatches, "video/webm"];
  const [brand, isBoxes] = [head.slice(8), BEGINNINGS.has(head.slice(4, 8))];
  if (!isBoxes || brand === RAW) return [null, ""];
  return [boxPatches, TYPES[brand] ?? "video/mp4"];
}

/**
 * @param {BlobReader} reader
 * @returns {AsyncGenerator<Patch, void>}
 */
async function* boxPatches(reader) {
  for await (const box of boxesIn(reader, 0, reader.size)) {
    if (box.type === "moov") yield* filmPatches(reader, box);
    else if (box.type === "meta") yield* stillPatches(reader, box);
    else if (!KEPT.has(box.type)) yield* freed(box);
  }
}
