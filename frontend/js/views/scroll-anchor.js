/**
 * Keeping what the reader looks at where it is, while rows come and go above and below it. Browsers can do this by
 * themselves, but not all of them, and none at the very top.
 */

/** @typedef {{ el: Element, index: number, offsetPx: number }} Anchor */

/**
 * The first row that reaches below the upper edge, and how far from that edge it begins.
 * @param {HTMLElement} scroller
 * @param {HTMLElement} rows
 * @param {(index: number) => boolean} suits whether the row keeps its element over updates
 * @returns {Anchor | null}
 */
export function anchorOf(scroller, rows, suits) {
  const edgePx = scroller.getBoundingClientRect().top;
  let index = firstIndex(rows, (row) => row.getBoundingClientRect().bottom > edgePx);
  while (index < rows.children.length && !suits(index)) index += 1;
  const el = rows.children[index];
  if (el === undefined) return null;
  return { el, index, offsetPx: el.getBoundingClientRect().top - edgePx };
}

/**
 * @param {HTMLElement} scroller
 * @param {{ el: Element, offsetPx: number }} anchor
 */
export function restoreAnchor(scroller, { el, offsetPx }) {
  if (!el.isConnected) return;
  const edgePx = scroller.getBoundingClientRect().top;
  scroller.scrollTop += el.getBoundingClientRect().top - edgePx - offsetPx;
}

/**
 * @param {HTMLElement} scroller
 * @param {HTMLElement} rows
 * @returns {number} of the last row that begins above the lower edge; -1 when there is none
 */
export function lastShown(scroller, rows) {
  const edgePx = scroller.getBoundingClientRect().bottom;
  return firstIndex(rows, (row) => row.getBoundingClientRect().top >= edgePx) - 1;
}

/**
 * Rows stand in order, so half of them can be left out at each look.
 * @param {HTMLElement} rows
 * @param {(row: Element) => boolean} fits false for all rows before the wanted one, true from it on
 * @returns {number} the number of rows when none fits
 */
function firstIndex(rows, fits) {
  let low = 0;
  let high = rows.children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(/** @type {Element} */ (rows.children[middle]))) high = middle;
    else low = middle + 1;
  }
  return low;
}
