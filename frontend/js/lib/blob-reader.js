/**
 * Reading a little here and there of a file of any size, and giving it back with a few stretches replaced.
 */

/** @import { Bytes } from "./bytes.js" */
import { latin, uint } from "./binary.js";
import { AppError } from "./errors.js";

/** @typedef {{ start: number, end: number }} Stretch of a file, in bytes, `end` exclusive */
/** @typedef {Stretch & { by: Blob }} Patch `by` stands in its place, as long as it or shorter */

/** Enough for most of what is read beside it next; a film's tables take no more than a few of them. */
const WINDOW_BYTES = 65_536;
const ZEROS = new Blob([new Uint8Array(WINDOW_BYTES)]);

/** Holds one window of the file in memory. */
export class BlobReader {
  #blob;
  #window = /** @type {Bytes} */ (new Uint8Array(0));
  #from = 0;

  /** @param {Blob} blob */
  constructor(blob) {
    this.#blob = blob;
  }

  get size() {
    return this.#blob.size;
  }

  /**
   * Throws: AppError("malformed") beyond the end of the file; what the browser throws for a file that is not as it was.
   * @param {number} at
   * @param {number} size
   * @returns {Promise<Bytes>} to be read before the next call
   */
  async bytes(at, size) {
    if (!(at >= 0 && at + size <= this.size)) throw new AppError("malformed");
    if (at < this.#from || at + size > this.#from + this.#window.length) {
      const end = at + Math.max(size, WINDOW_BYTES);
      this.#window = new Uint8Array(await this.#blob.slice(at, end).arrayBuffer());
      this.#from = at;
    }
    return this.#window.subarray(at - this.#from, at - this.#from + size);
  }

  /**
   * @param {number} at
   * @param {number} size 1 … 8, the most significant byte first
   * @returns {Promise<number>} above 2^53 not exact, and beyond the end of any file
   */
  async uint(at, size) {
    return uint(await this.bytes(at, size), 0, size);
  }

  /**
   * @param {number} at
   * @param {number} size
   * @returns {Promise<string>} one character a byte
   */
  async latin(at, size) {
    return latin(await this.bytes(at, size), 0, size);
  }
}

/**
 * @param {Stretch} stretch
 * @returns {Patch} it holds nothing from now on
 */
export function blanked({ start, end }) {
  const size = end - start;
  const whole = new Array(Math.floor(size / WINDOW_BYTES)).fill(ZEROS);
  return { start, end, by: new Blob([...whole, ZEROS.slice(0, size % WINDOW_BYTES)]) };
}

/**
 * @param {number} start
 * @param {readonly number[]} bytes
 * @returns {Patch} these bytes in the place of as many
 */
export function written(start, bytes) {
  return { start, end: start + bytes.length, by: new Blob([Uint8Array.from(bytes)]) };
}

/**
 * @param {Stretch} stretch
 * @returns {Patch} what follows comes closer
 */
export function cutOut({ start, end }) {
  return { start, end, by: new Blob([]) };
}

/**
 * @param {Blob} blob
 * @param {readonly Patch[]} patches within it; where two overlap, the one that begins first has it
 * @returns {Blob} the file with them, without having been read
 */
export function patched(blob, patches) {
  /** @type {Blob[]} */
  const parts = [];
  let at = 0;
  for (const { start, end, by } of [...patches].sort((a, b) => a.start - b.start)) {
    if (end <= at) continue;
    if (start > at) parts.push(blob.slice(at, start));
    parts.push(by.slice(Math.max(0, at - start)));
    at = end;
  }
  return new Blob([...parts, blob.slice(at)]);
}
