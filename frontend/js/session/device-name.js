/** What a person will recognise this browser by in the list of their devices: "Firefox, Linux". */

/** @type {readonly [RegExp, string][]} the first that matches; most browsers name others as well */
const BROWSERS = Object.freeze([
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
]);
/** @type {readonly [RegExp, string][]} */
const SYSTEMS = Object.freeze([
  [/\b(iPhone|iPad|iPod)\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
]);

/**
 * @param {string} userAgent
 * @returns {string} 1 … 64 characters
 */
export function deviceName(userAgent) {
  const find = (/** @type {readonly [RegExp, string][]} */ table) =>
    table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const parts = [find(BROWSERS), find(SYSTEMS)].filter((part) => part !== undefined);
  return parts.length === 0 ? "Browser" : parts.join(", ");
}
