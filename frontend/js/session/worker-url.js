/**
 * The workers there are, behind a Trusted Types policy that lets nothing else become one.
 *
 * The URLs are literal and relative to this module, so they carry the version of the release that
 * loaded it.
 */

const ENGINE = new URL("./worker.js", import.meta.url).href;
const LINK = new URL("./link-worker.js", import.meta.url).href;
const OFFLINE = new URL("../workers/offline.js", import.meta.url).href;
const ARGON2 = new URL("../workers/argon2.js", import.meta.url).href;

/** @typedef {{ createScriptURL: (url: string) => string }} Policy */
/** @typedef {{ createPolicy: (name: string, rules: Policy) => Policy }} PolicyFactory */

/** @type {Policy} */
const RULES = Object.freeze({
  createScriptURL(url) {
    if ([ENGINE, LINK, ARGON2, OFFLINE].includes(url)) return url;
    throw new TypeError("not a worker of Sealroom");
  },
});

/** @type {Policy | null} */
let policy = null;

/** @returns {Worker} the worker that keeps the keys */
export function startEngineWorker() {
  return new Worker(trusted(ENGINE), { type: "module", name: "sealroom-engine" });
}

/** @returns {Worker} the worker of the page of a link */
export function startLinkWorker() {
  return new Worker(trusted(LINK), { type: "module", name: "sealroom-link" });
}

/** @returns {Worker} one password's worth of Argon2id */
export function startArgon2Worker() {
  return new Worker(trusted(ARGON2), { type: "module", name: "sealroom-argon2" });
}

/**
 * Let the page open without a network from now on. Best effort: a browser without service workers, or without room for
 * the files, needs the network to open the page.
 */
export function startOfflineWorker() {
  navigator.serviceWorker?.register(trusted(OFFLINE), { scope: "/" }).catch(() => {});
}

/** @param {string} url */
function trusted(url) {
  const { trustedTypes } = /** @type {{ trustedTypes?: PolicyFactory }} */ (globalThis);
  // A browser without Trusted Types gets the same check, and a string.
  policy ??= trustedTypes?.createPolicy("sealroom-worker", RULES) ?? RULES;
  return policy.createScriptURL(url);
}
