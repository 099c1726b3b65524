/**
 * Serve the page with the fake engine, to look at screens without a server:
 *
 *     node tests/frontend/preview.mjs [port]      then open the printed address with ?scene=ready
 *
 * The headers are those of the real server, so what the policy forbids fails here as well.
 */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const FRONTEND = fileURLToPath(new URL("../../frontend/", import.meta.url));
/** What stands in for the engine: address → file here. */
const FAKES = new Map(
  [
    ["/js/session/client.js", "fake-engine.js"],
    ["/js/session/fake-transfers.js", "fake-transfers.js"],
  ].map(([asset, name]) => [asset, fileURLToPath(new URL(name, import.meta.url))]),
);
const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
};
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "font-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types sealroom-worker",
].join("; ");

/** @param {string} path */
async function answer(path) {
  if (path === "/") {
    const html = await readFile(join(FRONTEND, "index.html"), "utf8");
    return { type: ".html", body: html.replace(/\{\{asset:([^}]+)\}\}/g, "/assets/preview/$1") };
  }
  const asset = path.replace(/^\/assets\/preview/, "");
  const fake = FAKES.get(asset);
  const file = fake ?? join(FRONTEND, normalize(asset));
  const body = await readFile(file, "utf8");
  // The fakes stand outside the tree, so an import from it is given the prefix here.
  return {
    type: extname(file),
    body: fake === undefined ? body : body.replace('"/js/', '"/assets/preview/js/'),
  };
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://preview");
  try {
    const { type, body } = await answer(pathname);
    response.writeHead(200, {
      "Content-Type": TYPES[type] ?? "application/octet-stream",
      "Content-Security-Policy": POLICY,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  process.stdout.write(`http://127.0.0.1:${port}/?scene=ready\n`);
});
