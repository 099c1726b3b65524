import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { afterEach, test } from "node:test";

import {
  formatAgo,
  formatBytes,
  formatDay,
  formatDuration,
  formatLeft,
  formatPercent,
  formatSpeed,
  formatWhen,
} from "../../../frontend/js/ui/format.js";
import {
  LOCALES,
  chooseLocale,
  fill,
  plural,
  setLanguage,
  t,
} from "../../../frontend/js/ui/i18n.js";

/** @param {string} locale */
function catalogue(locale) {
  const file = new URL(`../../../frontend/locales/${locale}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

const catalogues = Object.fromEntries(LOCALES.map((locale) => [locale, catalogue(locale)]));
const NOON_MS = new Date(2026, 10, 21, 12).getTime();
const HOUR_MS = 3_600_000;

/** @param {string} text */
const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

/** All of frontend/js as one text. */
function source() {
  const folder = new URL("../../../frontend/js/", import.meta.url);
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".js"));
  return files.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
}

/** A plural key without its category. @param {string} key */
const stem = (key) => key.replace(/\.(zero|one|two|few|many|other)$/, "");

afterEach(() => setLanguage("en", catalogues.en));
setLanguage("en", catalogues.en);

test("both languages say the same things with the same placeholders", () => {
  const [english, vietnamese] = [catalogues.en, catalogues.vi];
  const stems = (/** @type {object} */ texts) => [...new Set(Object.keys(texts).map(stem))];
  assert.deepEqual(stems(vietnamese), stems(english));
  for (const [key, text] of Object.entries(vietnamese)) {
    const other = english[key] ?? english[`${stem(key)}.other`];
    assert.deepEqual([...new Set(placeholders(text))], [...new Set(placeholders(other))], key);
  }
});

test("every plural has the categories its language uses", () => {
  const named = [...source().matchAll(/\bplural\(\s*"([^"]+)"/g)].map((match) => match[1]);
  assert.ok(named.length > 3);
  for (const locale of LOCALES) {
    const { pluralCategories } = new Intl.PluralRules(locale).resolvedOptions();
    const missing = named
      .flatMap((key) => pluralCategories.map((category) => `${key}.${category}`))
      .filter((key) => !(key in catalogues[locale]));
    assert.deepEqual(missing, [], locale);
  }
});

test("the keys are sorted and no text is empty, so that merges are easy", () => {
  for (const locale of LOCALES) {
    const keys = Object.keys(catalogues[locale]);
    assert.deepEqual(keys, [...keys].sort(), locale);
    for (const [key, text] of Object.entries(catalogues[locale])) {
      assert.ok(text.trim() === text && text !== "", `${locale} ${key}`);
    }
  }
});

test("every text that the code names exists", () => {
  // The engine names the text of a notice; everything else calls t or plural.
  const naming = /(?:\b(?:t|plural)\(\s*|emit\("notice", \{[^}]*text: )"([^"]+)"/g;
  const named = [...source().matchAll(naming)].map((match) => match[1]);
  assert.ok(named.length > 100);
  for (const locale of LOCALES) {
    const known = new Set(Object.keys(catalogues[locale]).flatMap((key) => [key, stem(key)]));
    assert.deepEqual(
      named.filter((key) => !known.has(key)),
      [],
      locale,
    );
  }
});

test("every text is used: its key stands in the code, or follows a prefix that does", () => {
  const code = source();
  const patterns = [...code.matchAll(/`([a-z_]+\.[^`]*\$\{[^`]*)`/g)].map(
    ([, template]) =>
      new RegExp(`^${template.replace(/\./g, "\\.").replace(/\$\{[^}]+\}/g, ".+")}$`),
  );
  const unused = Object.keys(catalogues.en)
    .map(stem)
    .filter((key) => !code.includes(`"${key}"`) && !patterns.some((form) => form.test(key)));
  assert.deepEqual(unused, []);
});

test("the reader's first wish that we speak wins, English without one", () => {
  assert.equal(chooseLocale(["vi-VN", "en"]), "vi");
  assert.equal(chooseLocale(["fr", "VI"]), "vi");
  assert.equal(chooseLocale(["fr", "de"]), "en");
  assert.equal(chooseLocale([]), "en");
});

test("placeholders are filled once, so a name with braces stays a name", () => {
  assert.equal(fill("Hi {name}, {name}!", { name: "{other}" }), "Hi {other}, {other}!");
  assert.equal(fill("{missing}", {}), "{missing}");
  assert.equal(fill("{constructor}", {}), "{constructor}");
});

test("a name cannot turn the sentence around it", () => {
  assert.equal(fill("{name}: 5", { name: "An" }), "An: 5");
  assert.equal(fill("{name}: 5", { name: "عمر" }), "\u2068عمر\u2069: 5");
  assert.equal(fill("{name}: 5", { name: "\u202Egpj.exe\u2069" }), "\u2068gpj.exe\u2069: 5");
});

test("a missing key is shown as itself", () => {
  assert.equal(t("no.such.key"), "no.such.key");
  assert.equal(plural("no.such.key", 2), "no.such.key");
});

test("numbers decide the form of the word", () => {
  assert.equal(plural("left.days", 1), "1 day");
  assert.equal(plural("left.days", 3), "3 days");
  setLanguage("vi", catalogues.vi);
  assert.equal(plural("left.days", 1), "1 ngày");
});

test("remaining time is said in its two largest units", () => {
  assert.equal(formatLeft(3 * 24 * HOUR_MS + 4 * HOUR_MS + 59_000), "3 days 4 hours");
  assert.equal(formatLeft(61 * 60_000), "1 hour 1 minute");
  assert.equal(formatLeft(24 * HOUR_MS), "1 day");
  assert.equal(formatLeft(59_999), "less than a minute");
  assert.equal(formatLeft(-5), "less than a minute");
  setLanguage("vi", catalogues.vi);
  assert.equal(formatLeft(3 * 24 * HOUR_MS + 4 * HOUR_MS), "3 ngày 4 giờ");
});

test("days are counted by midnights", () => {
  const lateMs = new Date(2026, 10, 20, 23, 59).getTime();
  const earlyMs = new Date(2026, 10, 21, 0, 1).getTime();
  assert.equal(formatDay(lateMs, earlyMs), "Yesterday");
  assert.equal(formatDay(earlyMs, NOON_MS), "Today");
  assert.equal(formatDay(new Date(2026, 10, 17).getTime(), NOON_MS), "Tuesday");
  assert.equal(formatDay(new Date(2026, 9, 2).getTime(), NOON_MS), "2 October");
  assert.equal(formatDay(new Date(2025, 9, 2).getTime(), NOON_MS), "2 October 2025");
  setLanguage("vi", catalogues.vi);
  assert.equal(formatDay(new Date(2026, 10, 17).getTime(), NOON_MS), "Thứ Ba");
});

test("in a list a time today and a day before", () => {
  assert.equal(formatWhen(new Date(2026, 10, 21, 9, 5).getTime(), NOON_MS), "09:05");
  assert.equal(formatWhen(new Date(2026, 10, 20, 9, 5).getTime(), NOON_MS), "Yesterday");
});

test("how long ago is said in words", () => {
  assert.equal(formatAgo(NOON_MS - 20_000, NOON_MS), "just now");
  assert.equal(formatAgo(NOON_MS + 20_000, NOON_MS), "just now");
  assert.equal(formatAgo(NOON_MS - 5 * 60_000, NOON_MS), "5 minutes ago");
  assert.equal(formatAgo(NOON_MS - 25 * HOUR_MS, NOON_MS), "yesterday");
});

test("sizes are counted in thousands, in the language of the reader", () => {
  const sizes = [0, 999, 1_000, 3_400_000, 250_000_000, 2 * 10 ** 12, 10 ** 17];
  assert.deepEqual(sizes.map(formatBytes), [
    "0 byte",
    "999 byte",
    "1 kB",
    "3.4 MB",
    "250 MB",
    "2 TB",
    "100,000 TB",
  ]);
  assert.equal(formatSpeed(1_234_567.8), "1.2 MB/s");
  setLanguage("vi", catalogues.vi);
  assert.equal(formatBytes(3_400_000), "3,4 MB");
  assert.equal(formatSpeed(0.4), "0 byte/giây");
  assert.equal(formatPercent(0.425), "43%");
});

test("lengths are told in minutes and seconds, however long", () => {
  const told = [0, 499, 12_400, 59_600, 3_665_000].map(formatDuration);
  assert.deepEqual(told, ["0:00", "0:00", "0:12", "1:00", "61:05"]);
});
