/**
 * Large files leave much behind in a browser: every answer of WebCrypto, every body, every part out of a
 * database is memory of its own, given back when garbage is collected. Chromium collects by what it counts, and
 * that is so little of it that hundreds of MiB wait. What is counted is the memory of an ArrayBuffer, also
 * of one that nobody touches, which takes none.
 */

const EVERY_BYTES = 4 * 1024 ** 2;
const COUNTED_BYTES = 64 * 1024 ** 2; // after so many V8 begins to collect

let leftBytes = 0;

/**
 * To be called by whoever works through a file piece by piece, so that what it left behind is collected soon.
 * @param {number} sizeBytes that nobody looks at any more
 */
export function leaveBehind(sizeBytes) {
  leftBytes += sizeBytes;
  if (leftBytes < EVERY_BYTES) return;
  leftBytes = 0;
  try {
    new ArrayBuffer(COUNTED_BYTES);
  } catch {
    // Where there is no room for it, the engine has collected all it can.
  }
}
