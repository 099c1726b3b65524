/**
 * Log lines that cannot carry user content.
 *
 * A line is the name of an event and a few fields; only numbers, booleans and short codes get through.
 * Bytes become their length, errors their code, anything else its type: a console is read by
 * extensions, copied into bug reports and filmed.
 */

import { AppError } from "./errors.js";

/** @typedef {"debug" | "info" | "warn" | "error"} Level */
/** @typedef {(level: Level, event: string, fields: Record<string, string | number | boolean>) => void} Sink */

/**
 * @typedef {object} Log
 * @property {(event: string, fields?: Record<string, unknown>) => void} debug
 * @property {(event: string, fields?: Record<string, unknown>) => void} info
 * @property {(event: string, fields?: Record<string, unknown>) => void} warn
 * @property {(event: string, fields?: Record<string, unknown>) => void} error a bug, nothing less
 */

const LEVELS = /** @type {const} */ (["debug", "info", "warn", "error"]);
const CODE = /^[a-z0-9][a-z0-9_.:-]{0,31}$/; // a code or an event name, not a sentence, a name or a key

/**
 * @param {{ sink?: Sink, level?: Level }} [options] nothing below `level` reaches the sink
 * @returns {Log}
 */
export function createLog({ sink = consoleSink, level = "warn" } = {}) {
  /** @param {Level} at */
  const writer = (at) => {
    if (LEVELS.indexOf(at) < LEVELS.indexOf(level)) return () => {};
    return (/** @type {string} */ event, /** @type {Record<string, unknown>} */ fields = {}) =>
      sink(at, event, redact(fields));
  };
  return Object.freeze({
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
  });
}

/** @param {Record<string, unknown>} fields */
function redact(fields) {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, describe(value)]));
}

/**
 * @param {unknown} value
 * @returns {string | number | boolean}
 */
function describe(value) {
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return CODE.test(value) ? value : `[${value.length} characters]`;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof AppError) return value.code;
  if (value instanceof Error) return `[${value.name}]`;
  return `[${typeof value}]`;
}

/** @type {Sink} */
function consoleSink(level, event, fields) {
  console[level](event, fields);
}
