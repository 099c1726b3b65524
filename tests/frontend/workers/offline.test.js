import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const ORIGIN = "https://chat.example.org";
const FOLDER = "/assets/b1/";
const NAMES = ["js/main.js", "css/base.css"];
const PAGE = `<script type="module" src="${FOLDER}js/main.js"></script>`;

/** @type {Map<string, Map<string, Response>>} */
const stored = new Map();
/** @type {Map<string, (event: any) => void>} any: the type decides what an event holds */
const listeners = new Map();
/** @type {Map<string, () => Response>} what the server answers; an error for everything else */
const server = new Map();
let isUp = true;

/** @param {Request | string | { url: string }} request */
const pathOf = (request) =>
  new URL(typeof request === "string" ? request : request.url, ORIGIN).pathname;

/** @param {Request | string | { url: string }} request */
async function fetchFake(request) {
  if (!isUp) throw new TypeError("Failed to fetch");
  return server.get(pathOf(request))?.() ?? new Response("", { status: 404 });
}

/** @param {Map<string, Response>} entries */
const cacheOf = (entries) => ({
  match: async (/** @type {string} */ request) => entries.get(pathOf(request))?.clone(),
  put: async (/** @type {string} */ request, /** @type {Response} */ response) =>
    void entries.set(pathOf(request), response),
  async addAll(/** @type {string[]} */ addresses) {
    const answers = await Promise.all(addresses.map(fetchFake));
    if (answers.some(({ ok }) => !ok)) throw new TypeError("Request failed");
    for (const [at, got] of answers.entries()) entries.set(addresses[at] ?? "", got);
  },
});

Object.assign(globalThis, {
  location: new URL(`${ORIGIN}${FOLDER}js/workers/offline.js`),
  fetch: fetchFake,
  addEventListener: (/** @type {string} */ type, /** @type {(event: any) => void} */ fn) =>
    listeners.set(type, fn),
  skipWaiting: async () => {},
  clients: { claim: async () => {} },
  caches: {
    async open(/** @type {string} */ name) {
      if (!stored.has(name)) stored.set(name, new Map());
      return cacheOf(stored.get(name) ?? new Map());
    },
    keys: async () => [...stored.keys()],
    delete: async (/** @type {string} */ name) => stored.delete(name),
  },
});
await import("../../../frontend/js/workers/offline.js");

beforeEach(() => {
  isUp = true;
  stored.clear();
  server.clear();
  server.set("/", () => new Response(PAGE));
  server.set(`${FOLDER}offline.json`, () => Response.json(NAMES));
  for (const name of NAMES) server.set(FOLDER + name, () => new Response(name));
});

/** @param {"install" | "activate"} type */
async function run(type) {
  /** @type {Promise<void> | undefined} */
  let ended;
  listeners.get(type)?.({ waitUntil: (/** @type {Promise<void>} */ work) => (ended = work) });
  await ended;
}

/**
 * @param {string} path
 * @param {{ mode?: string, method?: string, from?: string }} [options]
 * @returns {Promise<Response> | null} null when it is left to the browser
 */
function answer(path, { mode = "cors", method = "GET", from = ORIGIN } = {}) {
  const request = { url: `${from}${path}`, mode, method };
  /** @type {Promise<Response> | null} */
  let given = null;
  listeners.get("fetch")?.({
    request,
    respondWith: (/** @type {Promise<Response>} */ response) => (given = response),
  });
  return given;
}

/** @param {string} path */
const visit = (path) => answer(path, { mode: "navigate" });

test("the page and every file of its build are kept, in one cache", async () => {
  await run("install");
  assert.deepEqual(
    [...stored.values()].map((entries) => [...entries.keys()].sort()),
    [["/", ...NAMES.map((name) => FOLDER + name)].sort()],
  );
});

test("nobody becomes a worker with a page of another build, or a file too few", async () => {
  server.set("/", () => new Response(PAGE.replace("b1", "b2")));
  await assert.rejects(run("install"));
  server.set("/", () => new Response(PAGE));
  server.delete(`${FOLDER}js/main.js`);
  await assert.rejects(run("install"));
  assert.deepEqual(
    [...stored.values()].map(({ size }) => size),
    [0],
  );
});

test("whoever takes over leaves nothing of another build", async () => {
  stored.set("sealroom /assets/b0/", new Map());
  await run("install");
  await run("activate");
  assert.deepEqual([...stored.keys()], [`sealroom ${FOLDER}`]);
});

test("the page comes from the server as long as there is one", async () => {
  await run("install");
  for (const path of ["/", "/chats"]) server.set(path, () => new Response(`newer ${path}`));
  assert.equal(await (await visit("/"))?.text(), "newer /");
  assert.equal(await (await visit("/chats"))?.text(), "newer /chats");
});

test("without a server the page and its files come from the cache", async () => {
  await run("install");
  isUp = false;
  for (const path of ["/", "/chats", "/room/abc", "/apiary"]) {
    assert.equal(await (await visit(path))?.text(), PAGE, path);
  }
  assert.equal(await (await answer(`${FOLDER}js/main.js`))?.text(), "js/main.js");
  await assert.rejects(async () => answer(`${FOLDER}js/other.js`));
});

test("a proxy without a server is no server, and every other answer is the server's", async () => {
  await run("install");
  server.set("/", () => new Response("bad gateway", { status: 502 }));
  assert.equal(await (await visit("/"))?.text(), PAGE);
  server.set("/", () => new Response("misdirected", { status: 421 }));
  assert.equal((await visit("/"))?.status, 421);
});

test("links, answers, other builds and other origins are left to the browser", async () => {
  await run("install");
  for (const path of ["/t/AAAA", "/t/", "/api/contacts", "/health", "/ws", "/robots.txt"]) {
    assert.equal(visit(path), null, path);
    assert.equal(answer(path), null, path);
  }
  assert.equal(answer("/assets/b2/js/main.js"), null);
  assert.equal(answer("/", { mode: "navigate", method: "POST" }), null);
  assert.equal(answer(`${FOLDER}js/main.js`, { from: "https://bucket.example.org" }), null);
});

test("without a cache the browser says that there is no network", async () => {
  isUp = false;
  await assert.rejects(async () => visit("/"));
});
