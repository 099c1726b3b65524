/**
 * Service worker: keeps the page's own files, so that it opens without a network. One cache for each build, whole or not
 * at all; the network comes first for the page, so an upgrade is there with the next load, and a page and its modules are
 * of one build or it does not open. Nothing else is kept: no answer of the API, no link, nothing that anybody wrote.
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (globalThis));
const { origin, pathname } = worker.location;
/** `/assets/<build>/`, of which this script is one. */
const FOLDER = pathname.slice(0, pathname.indexOf("js/workers/"));
const CACHE = `sealroom ${FOLDER}`;
const PAGE = "/";
/** The addresses that the page answers (handlers/assets.py); a link has a page of its own. */
const PAGES = /^\/(?!(?:api|assets|ws|health|t)(?:\/|$))(?:.*\/)?[^/.]*$/;
const SERVER_FAULT = 500;
const COUNTED_BYTES = 64 * 1024 ** 2;

worker.addEventListener("install", (event) => {
  event.waitUntil(leaveTheRest(event));
  event.waitUntil(keep());
});
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method === "PUT") collect();
  if (request.method !== "GET" || url.origin !== origin) return;
  if (request.mode === "navigate" && PAGES.test(url.pathname)) event.respondWith(page(request));
  else if (url.pathname.startsWith(FOLDER)) event.respondWith(file(request));
});

/**
 * What is not answered here anyway goes past the worker, in browsers that can be told so; Chromium can, but for what
 * the page's own workers ask.
 * @param {ExtendableEvent & { addRoutes?: (rule: object) => Promise<void> }} event
 */
async function leaveTheRest(event) {
  const ours = [{ requestMode: "navigate" }, { urlPattern: `${FOLDER}*` }];
  await event.addRoutes?.({ condition: { not: { or: ours } }, source: "network" }).catch(() => {});
}

/** A part of a file passes, and a copy of it is left behind here: see lib/garbage.js. */
function collect() {
  try {
    new ArrayBuffer(COUNTED_BYTES);
  } catch {
    // Where there is no room for it, the engine has collected all it can.
  }
}

/** Throws, and so is no worker, unless every file of this build is there, and the page is of this build too. */
async function keep() {
  const [list, opened] = await Promise.all([
    fetch(`${FOLDER}offline.json`),
    fetch(PAGE, { cache: "no-cache" }),
  ]);
  const isOurs = opened.ok && (await opened.clone().text()).includes(`"${FOLDER}js/main.js"`);
  if (!list.ok || !isOurs) throw new Error("another build");
  /** @type {string[]} */
  const names = await list.json();
  const cache = await caches.open(CACHE);
  await cache.addAll(names.map((name) => `${FOLDER}${name}`));
  await cache.put(PAGE, opened);
  await worker.skipWaiting();
}

async function takeOver() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** @param {Request} request */
async function page(request) {
  try {
    const response = await fetch(request);
    return response.status < SERVER_FAULT ? response : ((await kept(PAGE)) ?? response);
  } catch (error) {
    const response = await kept(PAGE);
    if (response === undefined) throw error;
    return response;
  }
}

/** @param {Request} request */
async function file(request) {
  return (await kept(request)) ?? fetch(request);
}

/** @param {Request | string} request */
async function kept(request) {
  const cache = await caches.open(CACHE);
  // What an answer varies by is its compression, which the browser has undone.
  return cache.match(request, { ignoreVary: true });
}
