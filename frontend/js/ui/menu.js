import { h } from "./dom.js";
import { icon } from "./icon.js";

/** @typedef {{ label: string, icon: string, danger?: boolean, onSelect: () => void }} MenuItem */

/**
 * Open a menu beside the element that asked for it. Arrow keys move, Esc and a click elsewhere close, and focus goes back.
 * @param {HTMLElement} anchor the button that opened it
 * @param {readonly MenuItem[]} items
 * @param {string} label
 */
export function openMenu(anchor, items, label) {
  const el = h("div", { class: "menu", role: "menu", popover: "auto", "aria-label": label });
  el.append(
    ...items.map((item) =>
      h(
        "button",
        {
          type: "button",
          role: "menuitem",
          "data-danger": item.danger,
          on: {
            click: () => {
              el.hidePopover();
              item.onSelect();
            },
          },
        },
        icon(item.icon),
        item.label,
      ),
    ),
  );
  el.addEventListener("keydown", (event) => moveFocus(el, event));
  el.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    el.remove();
    anchor.setAttribute("aria-expanded", "false");
  });
  // In the same landmark; outside a modal dialog it would be inert as well.
  (anchor.closest("dialog, main, section, aside") ?? document.body).append(el);
  el.showPopover();
  anchor.setAttribute("aria-expanded", "true");
  place(el, anchor);
  /** @type {HTMLElement | null} */ (el.firstElementChild)?.focus();
}

/**
 * @param {HTMLElement} menu
 * @param {KeyboardEvent} event
 */
function moveFocus(menu, event) {
  const items = /** @type {HTMLElement[]} */ ([...menu.children]);
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items.at(to % items.length)?.focus();
}

/**
 * Below the anchor and aligned with its end; above when there is no room below.
 * @param {HTMLElement} menu
 * @param {HTMLElement} anchor
 */
function place(menu, anchor) {
  const gapPx = 4;
  const edgePx = 8;
  const from = anchor.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  // A keyboard may lie over the rest of the page.
  const visible = visualViewport ?? { offsetTop: 0, height: innerHeight };
  const endPx = visible.offsetTop + visible.height - edgePx;
  const below = from.bottom + gapPx + height <= endPx;
  const top = below ? from.bottom + gapPx : Math.max(edgePx, from.top - gapPx - height);
  const startPx = getComputedStyle(anchor).direction === "rtl" ? from.left : from.right - width;
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.min(Math.max(edgePx, startPx), innerWidth - width - edgePx)}px`;
}
