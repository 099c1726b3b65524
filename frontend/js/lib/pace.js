/** How fast something moves, from the last seconds only: what happened before says nothing about the rest. */

const WINDOW_MS = 5000;
const LEAST_MS = 1000; // below it the first part alone would promise the moon

/** @typedef {{ bytesPerSecond: number, leftMs: number }} Pace */

/**
 * @returns {(atMs: number, doneBytes: number, totalBytes: number) => Pace | null} null while nothing can be said yet, and
 *   when nothing has moved for a while; starts anew when less is done than before
 */
export function createPace() {
  /** @type {{ atMs: number, doneBytes: number }[]} oldest first */
  let marks = [];
  return (atMs, doneBytes, totalBytes) => {
    const last = marks.at(-1);
    if (last !== undefined && doneBytes < last.doneBytes) marks = [];
    marks = [...marks.filter((mark) => atMs - mark.atMs <= WINDOW_MS), { atMs, doneBytes }];
    const first = marks[0] ?? { atMs, doneBytes };
    const [tookMs, moved] = [atMs - first.atMs, doneBytes - first.doneBytes];
    if (tookMs < LEAST_MS || moved === 0) return null;
    const bytesPerSecond = (moved / tookMs) * 1000;
    return { bytesPerSecond, leftMs: ((totalBytes - doneBytes) / bytesPerSecond) * 1000 };
  };
}
