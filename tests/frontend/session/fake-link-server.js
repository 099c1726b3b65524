/**
 * A link in memory, and as much of docs/protocol.md, Links, as a visit needs, with hooks to make it lie.
 * The real server is exercised by tests/e2e.
 */

import { createHash, randomBytes } from "node:crypto";

import { encryptFile, makeFileKey } from "../../../frontend/js/crypto/cobblestone.js";
import { fileContext, makeFileId } from "../../../frontend/js/crypto/file-manifest.js";
import { padFile } from "../../../frontend/js/crypto/file-padding.js";
import { fileRoot, PartHasher } from "../../../frontend/js/crypto/file-root.js";
import {
  deriveLinkKeys,
  dumpFragment,
  makeLinkSecret,
  protectSecret,
  sealLinkManifest,
} from "../../../frontend/js/crypto/link.js";
import { makeLinkManifest } from "../../../frontend/js/crypto/link-manifest.js";
import { createExchange } from "../../../frontend/js/net/exchange.js";
import { concat, toBase64url } from "../../../frontend/js/lib/bytes.js";
import { collect, inPieces } from "../crypto/file-fixtures.js";

export const EXPIRES_MS = 1_800_000_000_000;

async function encrypted({ name, content, mime = "" }) {
  const [fileId, fileKey] = [makeFileId(), makeFileKey()];
  const padded = padFile(inPieces(content, 1 << 20), content.length);
  const ciphertext = await collect(encryptFile(fileKey, fileContext(fileId), padded));
  const hasher = new PartHasher();
  await hasher.update(ciphertext);
  const parts = await hasher.finish();
  const manifest = {
    fileId,
    fileKey,
    sizeBytes: content.length,
    encryptedBytes: ciphertext.length,
    root: await fileRoot(fileId, parts),
    name,
    mime,
  };
  return { manifest, ciphertext, hashes: parts.hashes };
}

const ok = (body) => new Response(body, { status: 200 });
const json = (body) => ok(JSON.stringify(body));
const refusal = (status, code, more = {}) =>
  new Response(JSON.stringify({ error: { code, message: code, ...more } }), { status });

export class FakeLinkServer {
  taken = new Set(); // ids of downloads
  reports = [];
  requests = []; // everything that was sent
  tokens = new Set();
  maxDownloads = null;
  isLive = true;
  /** What the network does with a request: throw, or answer in place of the server; null passes it on. */
  network = () => null;
  /** How a lying server changes the contents it answers with. */
  lie = (contents) => contents;

  /** Make the link: `files` are { name, content, mime }. */
  static async make(files, { signer = null, passphrase = null, argon2id = null } = {}) {
    const server = new FakeLinkServer();
    const transferId = randomBytes(16);
    server.transfer = toBase64url(transferId);
    server.files = await Promise.all(files.map(encrypted));
    const secret = makeLinkSecret();
    server.fragment = dumpFragment(secret);
    server.hasPassphrase = passphrase !== null;
    const safe = server.hasPassphrase
      ? await protectSecret(secret, passphrase, transferId, argon2id)
      : secret;
    const { auth, manifestKey } = await deriveLinkKeys(safe);
    server.authHash = createHash("sha256").update(auth).digest("hex");
    const manifests = server.files.map(({ manifest }) => manifest);
    const content = await makeLinkManifest({ transferId, files: manifests, signer });
    server.sealed = await sealLinkManifest(manifestKey, transferId, content);
    return server;
  }

  exchange() {
    const origin = "https://sealroom.test";
    return createExchange({ fetch: (url, init) => this.#fetch(url, init), origin });
  }

  async #fetch(url, { method, headers, body, signal }) {
    signal.throwIfAborted();
    this.requests.push(JSON.stringify([method, url, headers, body ?? null]));
    const { pathname } = new URL(url);
    const answer = () => this.#answer(method, pathname, headers, body);
    return (await this.network(pathname, signal, answer)) ?? answer();
  }

  #answer(method, pathname, headers, body) {
    const path = pathname.replace(`/api/links/${this.transfer}`, "");
    if (!this.isLive || path === pathname) return refusal(404, "not_found");
    if (path === "") return json({ has_passphrase: this.hasPassphrase, expires_ms: EXPIRES_MS });
    if (path.startsWith("/files/")) return this.#serve(path.split("/"), headers);
    const auth = Buffer.from(headers["X-Link-Auth"], "base64url");
    const isRight = createHash("sha256").update(auth).digest("hex") === this.authHash;
    if (!isRight) return refusal(403, "bad_link");
    if (path === "/contents") return json(this.lie(this.#contents()));
    if (path === "/reports") return json(this.reports.push(JSON.parse(body)) && {});
    return this.#take(JSON.parse(body).id);
  }

  get downloads() {
    return this.taken.size;
  }

  #contents() {
    const left = this.maxDownloads === null ? null : this.maxDownloads - this.downloads;
    return {
      manifest: toBase64url(this.sealed),
      files: this.files.map(({ manifest: { fileId, encryptedBytes } }) => ({
        id: toBase64url(fileId),
        size_bytes: encryptedBytes,
      })),
      expires_ms: EXPIRES_MS,
      downloads_left: left,
    };
  }

  #take(id) {
    const isUsedUp = !this.taken.has(id) && this.downloads === this.maxDownloads;
    if (isUsedUp) return refusal(410, "used_up");
    this.taken.add(id);
    const token = toBase64url(randomBytes(16));
    this.tokens.add(token);
    return json({ token, expires_ms: EXPIRES_MS });
  }

  #serve([, , id, what], headers) {
    if (!this.tokens.has(headers["X-File-Grant"])) return refusal(403, "bad_grant");
    const file = this.files.find(({ manifest }) => toBase64url(manifest.fileId) === id);
    if (file === undefined) return refusal(404, "not_found");
    if (what === "hashes") return ok(file.hashes);
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(headers["Range"]);
    return ok(concat(file.ciphertext.subarray(Number(start), Number(last) + 1)));
  }
}
