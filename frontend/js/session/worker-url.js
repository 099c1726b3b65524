/**
 * The two workers there are, behind a Trusted Types policy that lets nothing else become one.
 *
 * The URLs are literal and relative to this module, so they carry the version of the release that
 * loaded it.
 */

const ENGINE = new URL("./worker.js", import.meta.url).href;
const ARGON2 = new URL("../workers/argon2.js", import.meta.url).href;

/** @typedef {{ createScriptURL: (url: string) => string }} Policy */
/** @typedef {{ createPolicy: (name: string, rules: Policy) => Policy }} PolicyFactory */

/** @type {Policy} */
const RULES = Object.freeze({
  createScriptURL(url) {
    if (url === ENGINE || url === ARGON2) return url;
    throw new TypeError("not a worker of Sealroom");
  },
});

/** @type {Policy | null} */
let policy = null;

/** @returns {Worker} the worker that keeps the keys */
export function startEngineWorker() {
  return new Worker(trusted(ENGINE), { type: "module", name: "sealroom-engine" });
}

/** @returns {Worker} one password's worth of Argon2id */
export function startArgon2Worker() {
  return new Worker(trusted(ARGON2), { type: "module", name: "sealroom-argon2" });
}

/** @param {string} url */
function trusted(url) {
  const { trustedTypes } = /** @type {{ trustedTypes?: PolicyFactory }} */ (globalThis);
  // A browser without Trusted Types gets the same check, and a string.
  policy ??= trustedTypes?.createPolicy("sealroom-worker", RULES) ?? RULES;
  return policy.createScriptURL(url);
}
