/**
 * Theme and language of a page, as its reader has chosen them in this browser.
 */

import { chooseLocale, setLanguage } from "./i18n.js";

/** @typedef {{ theme: "system" | "light" | "dark", locale: "system" | "en" | "vi" }} Appearance */

const KEY = "sealroom.appearance";

/** @type {Appearance} */
const DEFAULT = { theme: "system", locale: "system" };

/** @returns {Appearance} */
export function readAppearance() {
  try {
    return { ...DEFAULT, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return DEFAULT;
  }
}

/**
 * Put it on and keep it. What is there already has to be drawn anew when the language changes.
 *
 * Throws: Error when the words are not there; nothing is kept then.
 * @param {Partial<Appearance>} change
 */
export async function changeAppearance(change) {
  const next = { ...readAppearance(), ...change };
  // A theme waits for no words: whoever leaves at once finds it again.
  if (change.locale !== undefined) await speak(next.locale);
  dress(next.theme);
  localStorage.setItem(KEY, JSON.stringify(next));
}

/**
 * Throws: Error when the words are not there.
 * @param {Appearance} appearance
 */
export async function putOn({ theme, locale }) {
  dress(theme);
  await speak(locale);
}

/** @param {Appearance["theme"]} theme */
function dress(theme) {
  document.documentElement.dataset["theme"] = theme;
}

/** @param {Appearance["locale"]} locale */
async function speak(locale) {
  const chosen = locale === "system" ? chooseLocale(navigator.languages) : locale;
  const response = await fetch(new URL(`../../locales/${chosen}.json`, import.meta.url));
  if (!response.ok) throw new Error(`The words of ${chosen} are not there: ${response.status}`);
  setLanguage(chosen, await response.json());
  document.documentElement.lang = chosen;
}
