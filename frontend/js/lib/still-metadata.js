/**
 * What a picture in boxes (HEIC, HEIF, AVIF) says beside the picture. Its `meta` box lists items: `iinf` what each is,
 * `iloc` where its bytes lie. Those that are no picture (Exif, XMP, whatever else) are emptied where they lie. How the
 * picture is turned stands elsewhere, so nothing has to be written anew.
 */

/** @import { BlobReader, Patch, Stretch } from "./blob-reader.js" */
/** @import { Box } from "./boxes.js" */
import { blanked } from "./blob-reader.js";
import { boxesIn, freed, requireBody } from "./boxes.js";
import { AppError } from "./errors.js";
import { handlerOf } from "./film-metadata.js";

const KEPT = new Set(["hdlr", "pitm", "iinf", "iloc", "iref", "iprp", "idat", "dinf", "grpl"]);
const PICTURES = new Set(
  "hvc1 hev1 hvc2 lhv1 av01 avc1 vvc1 jpeg j2k1 unci grid iovl iden tmap".split(" "),
);

/**
 * Throws (the generator): AppError("malformed").
 * @param {BlobReader} reader
 * @param {Box} meta at the top of the file; of anything but a picture nothing stays
 * @returns {AsyncGenerator<Patch, void>}
 */
export async function* stillPatches(reader, meta) {
  requireBody(meta, 4);
  /** @type {Map<string, Box>} */
  const inner = new Map();
  const others = [];
  for await (const box of boxesIn(reader, meta.body + 4, meta.end)) {
    if (KEPT.has(box.type) && !inner.has(box.type)) inner.set(box.type, box);
    else others.push(box);
  }
  const hdlr = inner.get("hdlr");
  if (hdlr === undefined || (await handlerOf(reader, hdlr)) !== "pict") {
    yield* freed(meta);
    return;
  }
  for (const box of others) yield* freed(box);
  const said = await otherItems(reader, inner.get("iinf"));
  for await (const stretch of placesOf(reader, inner, said)) yield blanked(stretch);
}

/**
 * @param {BlobReader} reader
 * @param {Box | undefined} iinf version (1) ‖ flags (3) ‖ count (2 or 4) ‖ `infe` boxes
 * @returns {Promise<Set<number>>} ids of the items that are no pictures
 */
async function otherItems(reader, iinf) {
  const ids = new Set();
  if (iinf === undefined) return ids;
  requireBody(iinf, 4);
  const width = (await reader.uint(iinf.body, 1)) === 0 ? 2 : 4;
  for await (const infe of boxesIn(reader, iinf.body + 4 + width, iinf.end)) {
    requireBody(infe, 8);
    const version = await reader.uint(infe.body, 1);
    const idBytes = version < 3 ? 2 : 4;
    // version (1) ‖ flags (3) ‖ id ‖ protection (2) ‖ type (4), before version 2 there is none
    const typeAt = 4 + idBytes + 2;
    if (version >= 2) requireBody(infe, typeAt + 4);
    const type = version < 2 ? "" : await reader.latin(infe.body + typeAt, 4);
    if (!PICTURES.has(type)) ids.add(await reader.uint(infe.body + 4, idBytes));
  }
  return ids;
}

/**
 * @param {BlobReader} reader
 * @param {Map<string, Box>} inner boxes
 * @param {Set<number>} wanted ids
 * @returns {AsyncGenerator<Stretch, void>} where their bytes lie
 */
async function* placesOf(reader, inner, wanted) {
  const iloc = inner.get("iloc");
  if (iloc === undefined) return;
  const next = fieldsOf(reader, iloc);
  const version = await next(1);
  await next(3);
  const [offsetBytes, lengthBytes] = halves(await next(1));
  const [baseBytes, lowBytes] = halves(await next(1));
  const indexBytes = version === 0 ? 0 : lowBytes;
  const wide = version < 2 ? 2 : 4;
  const count = await next(wide);
  for (let item = 0; item < count; item += 1) {
    const id = await next(wide);
    const method = version === 0 ? 0 : (await next(2)) % 16;
    await next(2);
    const base = await next(baseBytes);
    const extents = await next(2);
    for (let extent = 0; extent < extents; extent += 1) {
      await next(indexBytes);
      const offset = base + (await next(offsetBytes));
      const length = await next(lengthBytes);
      if (wanted.has(id)) yield within(reader, inner, { method, offset, length });
    }
  }
}

/**
 * Throws: AppError("malformed") for what lies nowhere, or in another item.
 * @param {BlobReader} reader
 * @param {Map<string, Box>} inner
 * @param {{ method: number, offset: number, length: number }} extent `method` 0: in the file, 1: in `idat`
 * @returns {Stretch}
 */
function within(reader, inner, { method, offset, length }) {
  const idat = inner.get("idat");
  const whole = method === 0 ? { body: 0, end: reader.size } : method === 1 ? idat : undefined;
  const start = (whole?.body ?? 0) + offset;
  const end = start + length;
  // A length of 0 means everything, pictures too.
  if (whole === undefined || length === 0 || end > whole.end) throw new AppError("malformed");
  return { start, end };
}

/**
 * @param {BlobReader} reader
 * @param {Box} box
 * @returns {(size: number) => Promise<number>} the next field of so many bytes; 0 for none
 */
function fieldsOf(reader, box) {
  let at = 0;
  return async (size) => {
    requireBody(box, at + size);
    at += size;
    return size === 0 ? 0 : reader.uint(box.body + at - size, size);
  };
}

/** @param {number} byte */
function halves(byte) {
  return /** @type {const} */ ([byte >> 4, byte % 16]);
}
