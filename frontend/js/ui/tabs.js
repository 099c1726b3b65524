/** @import { Component } from "./dom.js" */
import { h, setAttribute } from "./dom.js";

/**
 * Links to the parts of a screen, side by side. They are links, not ARIA tabs: each part has an address of its own.
 * @param {object} options
 * @param {string} options.label for screen readers
 * @param {readonly { name: string, href: string, label: string, testId?: string }[]} options.tabs
 * @returns {Component<{ active: string }>}
 */
export function tabs({ label, tabs: items }) {
  const links = items.map((item) => ({
    name: item.name,
    el: h("a", { href: item.href, "data-testid": item.testId }, item.label),
  }));
  let shown = "";
  return {
    el: h("nav", { class: "tabs", "aria-label": label }, ...links.map((link) => link.el)),
    update({ active }) {
      if (active === shown) return;
      shown = active;
      for (const { name, el } of links) {
        setAttribute(el, "aria-current", name === active ? "page" : null);
        // A strip that is too long for the screen scrolls.
        if (name === active) el.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    },
    destroy() {},
  };
}
