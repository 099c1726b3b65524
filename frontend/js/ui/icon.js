/**
 * Icons from the sprite beside this folder; they take the colour and size of the text around them.
 */

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = new URL("../../icons.svg", import.meta.url).pathname;

/**
 * @param {string} name the id of a symbol in icons.svg
 * @param {{ label?: string, size?: "small" | "large" }} [options] label: only when no text beside it says the same
 * @returns {SVGSVGElement}
 */
export function icon(name, { label, size } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.dataset["size"] = size ?? "normal";
  if (label === undefined) svg.setAttribute("aria-hidden", "true");
  else {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  }
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

/**
 * @param {SVGSVGElement} svg made by `icon`
 * @param {string} name
 */
export function setIcon(svg, name) {
  const href = `${SPRITE}#${name}`;
  const use = /** @type {SVGUseElement} */ (svg.firstElementChild);
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}
