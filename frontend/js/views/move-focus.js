/**
 * Arrow keys, Home and End go through a list of links or buttons; nothing happens beyond its ends.
 * @param {HTMLElement} list
 * @param {KeyboardEvent} event
 */
export function moveFocus(list, event) {
  const targets = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a, button")]);
  const at = targets.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: targets.length - 1 }[event.key];
  const target = to === undefined ? undefined : targets[to];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}
