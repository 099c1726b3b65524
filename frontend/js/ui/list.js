/**
 * Draw a list of models as children of a container, keeping the element of each key across updates.
 */

/** @import { Component } from "./dom.js" */

/**
 * Keep `container`'s children equal to `items`, in order; elements are made once per key, moved only when their place
 * changed, and destroyed when their key is gone. The container must hold nothing else.
 * @template Item
 * @param {HTMLElement} container
 * @param {(item: Item) => string} keyOf unique within one update; a repeated key is a bug and throws
 * @param {(item: Item) => Component<Item>} create
 * @returns {{ update: (items: readonly Item[]) => void, get: (key: string) => Component<Item> | undefined,
 *   destroy: () => void }}
 */
export function keyedList(container, keyOf, create) {
  /** @type {Map<string, Component<Item>>} */
  let rows = new Map();

  /** @param {readonly Item[]} items */
  function update(items) {
    const next = nextRows(items);
    for (const [key, row] of rows) if (!next.has(key)) remove(row);
    rows = next;
    place(container, rows.values());
  }

  /** @param {readonly Item[]} items */
  function nextRows(items) {
    /** @type {typeof rows} */
    const next = new Map();
    for (const item of items) {
      const key = keyOf(item);
      if (next.has(key)) throw new Error(`keyedList: the key ${key} stands twice`);
      const row = rows.get(key) ?? create(item);
      row.update(item);
      next.set(key, row);
    }
    return next;
  }

  return { update, get: (key) => rows.get(key), destroy: () => update([]) };
}

/** @param {Component<never>} row */
function remove(row) {
  row.destroy();
  row.el.remove();
}

/**
 * @param {HTMLElement} container
 * @param {Iterable<{ el: HTMLElement }>} rows
 */
function place(container, rows) {
  let cursor = container.firstChild;
  for (const { el } of rows) {
    // Moving an element drops its focus and scroll position, so one already in place is left alone.
    if (el === cursor) cursor = cursor.nextSibling;
    else container.insertBefore(el, cursor);
  }
}
