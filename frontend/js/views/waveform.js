const SVG = "http://www.w3.org/2000/svg";
const STEP = 4;
const HEIGHT = 32;

/**
 * Draw how loud a voice message is over time.
 * @param {Uint8Array} wave levels, 0 … 255
 * @returns {SVGSVGElement} says nothing to screen readers: its length is said in words beside it
 */
export function waveform(wave) {
  const svg = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  const bars = [...wave].map((level, at) => {
    const half = Math.max(1, ((level / 255) * (HEIGHT - 2)) / 2);
    return `M${at * STEP + STEP / 2} ${HEIGHT / 2 - half}v${half * 2}`;
  });
  svg.setAttribute("class", "waveform");
  svg.setAttribute("viewBox", `0 0 ${wave.length * STEP} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", bars.join(""));
  svg.append(line);
  return svg;
}
