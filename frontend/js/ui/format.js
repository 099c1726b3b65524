/**
 * Times in the manner of the reader's language and time zone. `nowMs` is always given: no clock is read here.
 */

/** @import { Locale } from "./i18n.js" */
import { currentLocale, plural, t } from "./i18n.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** @type {Map<string, Intl.DateTimeFormat>} making one costs more than all its uses on a screen of messages */
const formats = new Map();

/**
 * @param {number} atMs
 * @returns {string} "14:05"
 */
export function formatTime(atMs) {
  return dateFormat("time", { hour: "2-digit", minute: "2-digit" }).format(atMs);
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 * @returns {string} "Today", "Yesterday", a weekday within the week, else a date
 */
export function formatDay(atMs, nowMs) {
  const days = calendarDaysBetween(atMs, nowMs);
  if (days === 0) return t("day.today");
  if (days === 1) return t("day.yesterday");
  if (days > 1 && days < 7)
    return sentenceCase(dateFormat("weekday", { weekday: "long" }).format(atMs));
  return formatDate(atMs, nowMs);
}

/**
 * @param {number} atMs
 * @param {number} nowMs the year is left out when it is the current one
 */
export function formatDate(atMs, nowMs) {
  return new Date(atMs).getFullYear() === new Date(nowMs).getFullYear()
    ? dateFormat("date", { day: "numeric", month: "long" }).format(atMs)
    : dateFormat("date-year", { day: "numeric", month: "long", year: "numeric" }).format(atMs);
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 * @returns {string} the shortest that is clear in a list: a time today, else a day
 */
export function formatWhen(atMs, nowMs) {
  return calendarDaysBetween(atMs, nowMs) === 0 ? formatTime(atMs) : formatDay(atMs, nowMs);
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 * @returns {string} "just now", "5 minutes ago", "yesterday"
 */
export function formatAgo(atMs, nowMs) {
  const agoMs = nowMs - atMs;
  if (agoMs < MINUTE_MS) return t("time.just_now");
  if (agoMs < HOUR_MS) return relative(-Math.floor(agoMs / MINUTE_MS), "minute");
  if (agoMs < DAY_MS) return relative(-Math.floor(agoMs / HOUR_MS), "hour");
  if (agoMs < 30 * DAY_MS) return relative(-calendarDaysBetween(atMs, nowMs), "day");
  return formatDate(atMs, nowMs);
}

/**
 * @param {number} leftMs
 * @returns {string} the two largest units: "3 days 4 hours", "12 minutes", "less than a minute"
 */
export function formatLeft(leftMs) {
  const days = Math.floor(leftMs / DAY_MS);
  const hours = Math.floor((leftMs % DAY_MS) / HOUR_MS);
  const minutes = Math.floor((leftMs % HOUR_MS) / MINUTE_MS);
  const parts = [
    days > 0 && plural("left.days", days),
    hours > 0 && plural("left.hours", hours),
    days === 0 && minutes > 0 && plural("left.minutes", minutes),
  ].filter((part) => part !== false);
  return parts.length === 0 ? t("left.under_minute") : parts.join(" ");
}

const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/**
 * @param {number} bytes
 * @returns {string} "3.4 MB": thousands, as file managers count
 */
export function formatBytes(bytes) {
  return inUnits(bytes, "");
}

/**
 * @param {number} bytesPerSecond
 * @returns {string} "3.4 MB/s"
 */
export function formatSpeed(bytesPerSecond) {
  return inUnits(Math.round(bytesPerSecond), "-per-second");
}

/**
 * @param {number} bytes
 * @param {string} per what follows the unit in the names of Intl
 */
function inUnits(bytes, per) {
  const power = bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3);
  const index = Math.min(power, BYTE_UNITS.length - 1);
  const amount = bytes / 1_000 ** index;
  const maximumFractionDigits = amount < 10 && index > 0 ? 1 : 0;
  const unit = { style: /** @type {const} */ ("unit"), unit: `${BYTE_UNITS[index]}${per}` };
  return new Intl.NumberFormat(currentLocale(), { ...unit, maximumFractionDigits }).format(amount);
}

/**
 * @param {number} part 0 … 1
 * @returns {string} "42 %"
 */
export function formatPercent(part) {
  return new Intl.NumberFormat(currentLocale(), { style: "percent" }).format(part);
}

/**
 * @param {number} ms
 * @returns {string} "0:12", "61:05"
 */
export function formatDuration(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * @param {string} name
 * @param {Intl.DateTimeFormatOptions} options
 */
function dateFormat(name, options) {
  const key = `${currentLocale()} ${name}`;
  const known = formats.get(key);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat(languageTag(currentLocale()), options);
  formats.set(key, made);
  return made;
}

/**
 * English readers outside the United States are the many, and all of ours read a 24-hour clock without doubt.
 * @param {Locale} locale
 */
function languageTag(locale) {
  return locale === "en" ? "en-GB" : "vi-VN";
}

/**
 * Midnights crossed, so 23:59 and 00:01 are a day apart; daylight saving does not matter.
 * @param {number} fromMs
 * @param {number} toMs
 */
function calendarDaysBetween(fromMs, toMs) {
  const from = new Date(fromMs);
  const to = new Date(toMs);
  const fromDay = Date.UTC(from.getFullYear(), from.getMonth(), from.getDate());
  const toDay = Date.UTC(to.getFullYear(), to.getMonth(), to.getDate());
  return Math.round((toDay - fromDay) / DAY_MS);
}

/**
 * @param {number} amount
 * @param {Intl.RelativeTimeFormatUnit} unit
 */
function relative(amount, unit) {
  const text = new Intl.RelativeTimeFormat(currentLocale(), { numeric: "auto" }).format(
    amount,
    unit,
  );
  // Vietnamese data begins some of them with a capital, but they stand inside sentences.
  return text.charAt(0).toLocaleLowerCase(currentLocale()) + text.slice(1);
}

/** @param {string} text */
function sentenceCase(text) {
  return text.charAt(0).toLocaleUpperCase(currentLocale()) + text.slice(1);
}
