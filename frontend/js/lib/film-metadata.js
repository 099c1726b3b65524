/**
 * What a film or a sound says beside picture and sound: where and when it was taken, by which device, along which way.
 * MP4, MOV, M4A and 3GP are boxes; those that are not on a list are emptied where they stand. A track of anything but
 * pictures, sounds and subtitles (a camera writes where it was, second by second) is emptied together with its samples.
 */

/** @import { BlobReader, Patch, Stretch } from "./blob-reader.js" */
/** @import { Box } from "./boxes.js" */
import { blanked } from "./blob-reader.js";
import { boxesIn, findBox, freed, requireBody, requireBox } from "./boxes.js";
import { AppError } from "./errors.js";

/** @type {Readonly<Record<string, ReadonlySet<string>>>} what may stand in a box, by its type */
const KEPT = {
  moov: new Set(["mvhd", "trak", "mvex", "iods"]),
  trak: new Set(["tkhd", "edts", "tref", "trgr", "mdia", "tapt", "clef", "load", "imap"]),
  mdia: new Set(["mdhd", "hdlr", "minf", "elng"]),
};
/** Pictures and what goes with them, sounds, words to read. */
const TRACKS = new Set(["vide", "auxv", "pict", "soun", "text", "sbtl", "subt", "clcp"]);
const DATED = new Set(["mvhd", "tkhd", "mdhd"]);

/**
 * Throws (the generator): AppError("malformed"), also for a film whose boxes are compressed.
 * @param {BlobReader} reader
 * @param {Box} moov
 * @returns {AsyncGenerator<Patch, void>}
 */
export async function* filmPatches(reader, moov) {
  await requireBox(reader, moov, ["mvhd"]);
  const isInFragments = (await findBox(reader, moov, ["mvex"])) !== null;
  yield* patchesOf(reader, moov, isInFragments);
}

/**
 * @param {BlobReader} reader
 * @param {Box} box
 * @param {boolean} isInFragments the samples are not where the tables of a track say
 * @returns {AsyncGenerator<Patch, void>}
 */
async function* patchesOf(reader, box, isInFragments) {
  const kept = KEPT[box.type];
  if (box.type === "trak" && !(await isShownOrHeard(reader, box))) {
    if (isInFragments) throw new AppError("malformed");
    for await (const samples of samplesOf(reader, box)) yield blanked(samples);
    yield* freed(box);
  } else if (kept !== undefined) {
    for await (const inner of boxesIn(reader, box.body, box.end)) {
      if (kept.has(inner.type)) yield* patchesOf(reader, inner, isInFragments);
      else yield* freed(inner);
    }
  } else if (DATED.has(box.type)) {
    yield blanked(await datesOf(reader, box));
  } else if (box.type === "hdlr") {
    yield blanked(nameOf(box));
  }
}

/**
 * @param {BlobReader} reader
 * @param {Box} track
 */
async function isShownOrHeard(reader, track) {
  return TRACKS.has(await handlerOf(reader, await requireBox(reader, track, ["mdia", "hdlr"])));
}

/**
 * Throws: AppError("malformed").
 * @param {BlobReader} reader
 * @param {Box} hdlr version and flags (4) ‖ nothing (4) ‖ type (4) ‖ nothing (12) ‖ name
 * @returns {Promise<string>} what the box beside it holds
 */
export async function handlerOf(reader, hdlr) {
  requireBody(hdlr, 12);
  return reader.latin(hdlr.body + 8, 4);
}

/**
 * @param {Box} hdlr
 * @returns {Stretch} what the maker of the device calls it
 */
function nameOf({ body, end }) {
  return { start: Math.min(body + 24, end), end };
}

/**
 * @param {BlobReader} reader
 * @param {Box} box version (1) ‖ flags (3) ‖ when it was made ‖ when it was changed ‖ …
 * @returns {Promise<Stretch>}
 */
async function datesOf(reader, box) {
  requireBody(box, 4);
  const size = (await reader.uint(box.body, 1)) === 1 ? 16 : 8;
  requireBody(box, 4 + size);
  return { start: box.body + 4, end: box.body + 4 + size };
}

/**
 * Where the samples of a track lie: chunk by chunk, as many in each as `stsc` says, as large as `stsz` says.
 * @param {BlobReader} reader
 * @param {Box} track
 * @returns {AsyncGenerator<Stretch, void>}
 */
async function* samplesOf(reader, track) {
  const table = await findBox(reader, track, ["mdia", "minf", "stbl"]);
  if (table === null) return;
  const sizes = await requireBox(reader, table, ["stsz"]);
  const runs = await runsOf(reader, await requireBox(reader, table, ["stsc"]));
  const long = await findBox(reader, table, ["co64"]);
  const chunks = long ?? (await requireBox(reader, table, ["stco"]));
  const width = long === null ? 4 : 8;
  const sum = await adder(reader, sizes);
  const count = await countOf(reader, chunks, 4, width);
  let run = -1;
  for (let chunk = 0; chunk < count; chunk += 1) {
    while ((runs[run + 1]?.first ?? Infinity) <= chunk + 1) run += 1;
    const start = await reader.uint(chunks.body + 8 + chunk * width, width);
    const end = start + (await sum(runs[run]?.samples ?? 0));
    if (end > reader.size) throw new AppError("malformed");
    yield { start, end };
  }
}

/**
 * @param {BlobReader} reader
 * @param {Box} box a table
 * @param {number} at where in it the number of its entries stands; they follow
 * @param {number} width of an entry
 * @returns {Promise<number>} how many there really are
 */
async function countOf(reader, box, at, width) {
  requireBody(box, at + 4);
  const count = await reader.uint(box.body + at, 4);
  requireBody(box, at + 4 + count * width);
  return count;
}

/**
 * @param {BlobReader} reader
 * @param {Box} stsc
 * @returns {Promise<{ first: number, samples: number }[]>} from which chunk on, counted from 1, how many in each
 */
async function runsOf(reader, stsc) {
  const count = await countOf(reader, stsc, 4, 12);
  const runs = [];
  for (let at = stsc.body + 8; runs.length < count; at += 12) {
    runs.push({ first: await reader.uint(at, 4), samples: await reader.uint(at + 4, 4) });
  }
  return runs;
}

/**
 * @param {BlobReader} reader
 * @param {Box} stsz
 * @returns {Promise<(samples: number) => Promise<number>>} adds up the bytes of the next samples
 */
async function adder(reader, stsz) {
  requireBody(stsz, 12);
  const each = await reader.uint(stsz.body + 4, 4);
  if (each > 0) return async (samples) => samples * each;
  const count = await countOf(reader, stsz, 8, 4);
  let next = 0;
  return async (samples) => {
    let bytes = 0;
    for (let left = samples; left > 0 && next < count; left -= 1, next += 1) {
      bytes += await reader.uint(stsz.body + 12 + next * 4, 4);
    }
    return bytes;
  };
}
