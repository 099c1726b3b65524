/**
 * Elements without markup: text always becomes a text node, so no string is ever parsed as HTML.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {{ [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void }} Handlers */
/** @typedef {{ on?: Handlers, dataset?: Record<string, string> }} SpecialProps */
/**
 * @typedef {SpecialProps & { [attribute: string]:
 *   string | number | boolean | null | undefined | Handlers | Record<string, string> }} Props
 */
/**
 * What every component returns: `update` takes the whole model and is idempotent; `destroy` ends timers and listeners
 * outside `el` and forgets decrypted text.
 * @template Model
 * @typedef {{ el: HTMLElement, update: (model: Model) => void, destroy: () => void }} Component
 */

/**
 * Make an element. `on` holds listeners, `dataset` data attributes; any other name is an attribute, where `true` means
 * present and `false`, `null` and `undefined` mean absent. Absent children are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  const { on = {}, dataset = {}, ...attributes } = props ?? {};
  for (const [name, value] of Object.entries(attributes)) setAttribute(el, name, value);
  Object.assign(el.dataset, dataset);
  for (const [type, handler] of Object.entries(on)) {
    el.addEventListener(type, /** @type {EventListener} */ (handler));
  }
  el.append(...shown(children.flat()));
  return el;
}

/**
 * Set one attribute in the way `h` does; safe to call again with the same value.
 * @param {Element} el
 * @param {string} name
 * @param {unknown} value
 */
export function setAttribute(el, name, value) {
  if (value === false || value === null || value === undefined) el.removeAttribute(name);
  else el.setAttribute(name, value === true ? "" : String(value));
}

/**
 * Set text only when it differs, so that a selection or a live region is not disturbed by an idempotent update.
 * @param {Element} el
 * @param {string} text
 */
export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/**
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
function shown(children) {
  /** @type {(Node | string)[]} */
  const nodes = [];
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    nodes.push(typeof child === "number" ? String(child) : child);
  }
  return nodes;
}
