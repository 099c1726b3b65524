/** @import { Component } from "./dom.js" */
import { h } from "./dom.js";
import { t } from "./i18n.js";

const STORED = "sealroom.list-width";
const LEAST_PX = 260;
const MOST_PX = 480;
const DEFAULT_PX = 320;
const STEP_PX = 16;

/**
 * The edge between list and conversation: drag it, or focus it and use the arrow keys. The width is remembered.
 * @param {{ target: HTMLElement, storage?: Pick<Storage, "getItem" | "setItem"> }} options target: carries --list-width
 * @returns {Pick<Component<void>, "el" | "destroy">}
 */
export function resizer({ target, storage = localStorage }) {
  const el = h("div", {
    class: "resizer",
    role: "separator",
    tabindex: "0",
    "aria-orientation": "vertical",
    "aria-label": t("pane.resize"),
    "aria-valuemin": LEAST_PX,
    "aria-valuemax": MOST_PX,
  });
  let widthPx = clamp(Number(storage.getItem(STORED)) || DEFAULT_PX);

  /** @param {number} wishedPx */
  function apply(wishedPx) {
    widthPx = clamp(wishedPx);
    target.style.setProperty("--list-width", `${widthPx}px`);
    el.setAttribute("aria-valuenow", String(widthPx));
  }
  const remember = () => storage.setItem(STORED, String(widthPx));
  const sign = () => (getComputedStyle(target).direction === "rtl" ? -1 : 1);

  el.addEventListener("pointerdown", (event) => {
    const startPx = widthPx;
    const startX = event.clientX;
    el.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} move */
    const follow = (move) => apply(startPx + sign() * (move.clientX - startX));
    el.addEventListener("pointermove", follow);
    el.addEventListener(
      "lostpointercapture",
      () => {
        el.removeEventListener("pointermove", follow);
        remember();
      },
      { once: true },
    );
  });
  el.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    apply(widthPx + sign() * steps * STEP_PX);
    remember();
  });

  apply(widthPx);
  return { el, destroy() {} };
}

/** @param {number} px */
function clamp(px) {
  return Math.min(MOST_PX, Math.max(LEAST_PX, px));
}
