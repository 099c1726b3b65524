/**
 * The words on the page. A catalogue is a flat map from key to text with `{name}` placeholders; a plural has one key per
 * category of `Intl.PluralRules` (`people.requests.one`, `people.requests.other`).
 */

/** @typedef {Readonly<Record<string, string>>} Catalogue */
/** @typedef {Readonly<Record<string, string | number>>} Params */

export const LOCALES = /** @type {const} */ (["en", "vi"]);
/** @typedef {typeof LOCALES[number]} Locale */

/** @type {{ locale: Locale, catalogue: Catalogue }} */
const current = { locale: "en", catalogue: {} };

/**
 * The first wish of the reader that we speak; English when there is none.
 * @param {readonly string[]} wishes language tags, best first
 * @returns {Locale}
 */
export function chooseLocale(wishes) {
  for (const wish of wishes) {
    const language = wish.toLowerCase().split("-")[0];
    const known = LOCALES.find((locale) => locale === language);
    if (known !== undefined) return known;
  }
  return "en";
}

/**
 * From now on speak this language. Components read words when they are made, so the caller draws the page anew.
 * @param {Locale} locale
 * @param {Catalogue} catalogue
 */
export function setLanguage(locale, catalogue) {
  current.locale = locale;
  current.catalogue = catalogue;
}

/** @returns {Locale} */
export function currentLocale() {
  return current.locale;
}

/**
 * @param {string} key a missing key is shown as itself: visible in tests, harmless to a reader
 * @param {Params} [params]
 * @returns {string}
 */
export function t(key, params = {}) {
  return fill(current.catalogue[key] ?? key, params);
}

/**
 * @param {string} key
 * @param {number} count also available to the text as `{count}`, written in the manner of the language
 * @param {Params} [params]
 * @returns {string}
 */
export function plural(key, count, params = {}) {
  const category = new Intl.PluralRules(current.locale).select(count);
  const { catalogue, locale } = current;
  const text = catalogue[`${key}.${category}`] ?? catalogue[`${key}.other`] ?? key;
  return fill(text, { count: new Intl.NumberFormat(locale).format(count), ...params });
}

/**
 * @param {string} text
 * @param {Params} params an unknown placeholder stays as it stands; values are not searched for placeholders again
 * @returns {string}
 */
export function fill(text, params) {
  return text.replace(/\{(\w+)\}/g, (placeholder, name) =>
    Object.hasOwn(params, name) ? isolate(String(params[name])) : placeholder,
  );
}

/** Right-to-left letters, and the marks that change direction by themselves. */
const TURNING =
  /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Bidi_Control}]/u;
const FIRST_STRONG_ISOLATE = "\u2068";
const POP_ISOLATE = "\u2069";

/**
 * Keep a name from turning the sentence around it.
 * @param {string} value
 * @returns {string} the same, when it could not
 */
function isolate(value) {
  if (!TURNING.test(value)) return value;
  return FIRST_STRONG_ISOLATE + value.replace(/\p{Bidi_Control}/gu, "") + POP_ISOLATE;
}
