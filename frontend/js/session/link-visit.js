/**
 * A visit to a link: from the fragment of an address to files that were verified to the last byte.
 *
 *     look ─▶ open ─▶ fetch ─▶ fetch ─▶ …            report at any time once it is open
 *
 *     fragment, passphrase ─▶ auth, K ─▶ manifest ─▶ each file: parts ─▶ tags, padding ─▶ scratch ─▶ File
 *
 * Nothing of it is kept: secret, keys and token are in memory for as long as the page is there, and a file
 * is taken away a minute after it was handed out.
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { decryptFile } from "../crypto/cobblestone.js";
import { ID_BYTES } from "../crypto/constants.js";
import { dumpEntry, fileContext, verdictOf } from "../crypto/file-manifest.js";
import { unpadFile } from "../crypto/file-padding.js";
import { deriveLinkKeys, openLinkManifest, parseFragment, protectSecret } from "../crypto/link.js";
import { readLinkManifest } from "../crypto/link-manifest.js";
import { fingerprint } from "../crypto/safety-number.js";
import { createLinkCalls } from "../net/links.js";
import { checkedParts } from "./checked-parts.js";
import { createTraffic } from "./traffic.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Clock } from "../lib/clock.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { FileManifest } from "../crypto/file-manifest.js" */
/** @import { LinkSecret } from "../crypto/types.js" */
/** @import { Exchange } from "../net/exchange.js" */
/** @import { LinkCalls as NetCalls, LinkContents } from "../net/links.js" */
/** @import { Draft, Scratch } from "../storage/scratch.js" */
/** @import { LinkCalls, LinkContent, LinkEvents } from "./link-types.js" */
/** @import { StartArgon2 } from "./password-secret.js" */

/**
 * @typedef {object} VisitWorld
 * @property {Exchange} exchange
 * @property {Log} log
 * @property {Clock} clock
 * @property {() => number} random 0 … 1
 * @property {() => boolean} isOnline
 * @property {Scratch} scratch
 * @property {StartArgon2} startArgon2
 */
/** @typedef {<Name extends keyof LinkEvents>(name: Name, value: LinkEvents[Name]) => void} Emit */
/** @typedef {{ calls: NetCalls, transferId: Bytes, secret: LinkSecret }} Looked */
/** @typedef {{ auth: Bytes, files: FileManifest[] }} Opened */
/** @typedef {{ file: File, draft: Draft, handedMs: number }} Result */

/** How long a browser may take to copy a file that it was told to save. */
const KEEP_MS = 60_000;

/**
 * @param {VisitWorld} world
 * @param {Emit} emit
 */
export function createLinkVisit(world, emit) {
  const traffic = createTraffic(world, { isOnline: world.isOnline });
  /** @type {Looked | null} */
  let looked = null;
  /** @type {Opened | null} */
  let opened = null;
  /** @type {Map<number, AbortController>} by index of the file */
  const running = new Map();
  /** @type {Map<number, Result>} by index of the file */
  const results = new Map();

  /**
   * @param {string | null} passphrase
   * @param {Looked} link
   */
  const secretOf = async (passphrase, { secret, transferId }) => {
    if (passphrase === null) return secret;
    const worker = world.startArgon2();
    try {
      return await protectSecret(secret, passphrase, transferId, worker.argon2id);
    } finally {
      worker.end();
    }
  };

  /**
   * @param {number} index
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Bytes, void>} the file, decrypted; not to be believed before its end
   */
  const contentOf = (index, signal) => {
    const { calls } = need(looked);
    const { auth, files } = need(opened);
    const file = /** @type {FileManifest} */ (files[index]);
    const id = toBase64url(file.fileId);
    const { sizeBytes: totalBytes } = file;
    const tell = (/** @type {{ doneBytes: number }} */ { doneBytes }) =>
      emit("progress", { index, doneBytes, totalBytes });
    /**
     * @template Result
     * @param {() => Promise<Result>} call
     */
    const persist = (call) =>
      traffic.persist(signal, async () => {
        try {
          return await call();
        } catch (error) {
          emit("waiting", { index });
          throw error;
        }
      });
    const parts = checkedParts(dumpEntry(file), {
      hashes: () => persist(() => calls.hashes(auth, id, signal)),
      read: (range) => persist(() => calls.read(auth, id, range, signal)),
      asking: (bytes) => traffic.progress({ file: id, totalBytes, tell }, bytes),
    });
    return unpadFile(decryptFile(file.fileKey, fileContext(file.fileId), parts), totalBytes);
  };

  /**
   * @param {number} index
   * @param {AbortSignal} signal
   * @returns {Promise<Result>}
   */
  const put = async (index, signal) => {
    const { name } = /** @type {FileManifest} */ (need(opened).files[index]);
    const draft = await world.scratch.open();
    try {
      for await (const piece of contentOf(index, signal)) {
        signal.throwIfAborted();
        await draft.write(piece);
      }
      // Never by the type the sender says: a page of theirs must not open as one of ours (S-33).
      const file = new File([await draft.finish()], name, { type: "application/octet-stream" });
      return { file, draft, handedMs: 0 };
    } catch (error) {
      await draft.discard();
      throw signal.aborted ? signal.reason : error;
    }
  };

  /**
   * @param {number} index
   * @param {Result} result
   */
  const takeAway = async (index, { draft, ...result }) => {
    await world.clock.sleep(KEEP_MS);
    if (results.get(index)?.handedMs !== result.handedMs) return; // handed out again meanwhile
    results.delete(index);
    await draft.discard();
  };

  /**
   * @param {number} index
   * @param {Result} result
   */
  const handOut = (index, { file, draft }) => {
    const handed = { file, draft, handedMs: world.clock.nowMs() };
    results.set(index, handed);
    void takeAway(index, handed);
    return { file };
  };

  return Object.freeze({
    /** There is a connection again: nobody waits any longer. */
    wake: () => traffic.wake(),
    /**
     * @param {LinkCalls["look"][0]} address
     * @returns {Promise<LinkCalls["look"][1]>}
     */
    async look({ transfer, fragment, download }) {
      const transferId = fromBase64url(transfer, ID_BYTES);
      const secret = parseFragment(fragment);
      const calls = createLinkCalls(world.exchange, {
        transfer,
        download,
        log: world.log,
      });
      const info = await calls.info();
      looked = { calls, transferId, secret };
      return { hasPassphrase: info.has_passphrase };
    },
    /**
     * @param {LinkCalls["open"][0]} form
     * @returns {Promise<LinkContent>}
     */
    async open({ passphrase }) {
      const link = need(looked);
      const { auth, manifestKey } = await deriveLinkKeys(await secretOf(passphrase, link));
      const served = await link.calls.contents(auth);
      const { files, from } = await readManifest(manifestKey, link.transferId, served);
      opened = { auth, files };
      return {
        files: files.map(({ name, mime, sizeBytes }) => ({ name, mime, sizeBytes })),
        from: from && { name: from.name, fingerprint: await fingerprint(from) },
        expiresMs: served.expires_ms,
        downloadsLeft: served.downloads_left,
      };
    },
    /**
     * @param {LinkCalls["fetch"][0]} wanted
     * @returns {Promise<LinkCalls["fetch"][1]>}
     */
    async fetch({ index }) {
      const there = results.get(index);
      if (there !== undefined) return handOut(index, there);
      const abort = new AbortController();
      running.get(index)?.abort(new AppError("cancelled"));
      running.set(index, abort);
      try {
        const { signal } = abort;
        const { sizeBytes } = /** @type {FileManifest} */ (need(opened).files[index]);
        const work = () => put(index, signal);
        return handOut(index, await traffic.down.run({ sizeBytes, signal }, work));
      } catch (error) {
        throw verdictOf(error) === null ? error : new AppError("damaged", "", { cause: error });
      } finally {
        if (running.get(index) === abort) running.delete(index);
      }
    },
    /** @param {LinkCalls["cancel"][0]} unwanted */
    async cancel({ index }) {
      running.get(index)?.abort(new AppError("cancelled"));
      return {};
    },
    /** @param {LinkCalls["report"][0]} report */
    async report(report) {
      await need(looked).calls.report(need(opened).auth, report);
      return {};
    },
  });
}

/**
 * Throws: AppError "unsupported" or "damaged".
 * @param {Bytes} manifestKey K
 * @param {Bytes} transferId
 * @param {LinkContents} served
 */
async function readManifest(manifestKey, transferId, { manifest, files }) {
  try {
    const json = await openLinkManifest(manifestKey, transferId, fromBase64url(manifest));
    const read = await readLinkManifest(json, transferId);
    const isServed =
      files.length === read.files.length &&
      read.files.every(({ fileId, encryptedBytes }, i) => {
        return files[i]?.id === toBase64url(fileId) && files[i].size_bytes === encryptedBytes;
      });
    if (!isServed) throw new DecryptError("auth-failed");
    return read;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const isNewer = error instanceof DecryptError && error.reason === "unsupported";
    throw new AppError(isNewer ? "unsupported" : "damaged", "", { cause: error });
  }
}

/**
 * @template Value
 * @param {Value | null} value
 * @returns {Value}
 */
function need(value) {
  if (value === null) throw new AppError("internal", "called too early");
  return value;
}
