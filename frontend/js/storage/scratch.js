/**
 * Where large results are put together: files of this origin that no file manager shows.
 *
 * In a browser or a mode without them, results are parts of a Blob, which browsers move to disk as they
 * see fit. Whatever is left over from an earlier life of the page is swept away at the next.
 */

import { AppError } from "../lib/errors.js";

/** @import { Bytes } from "../lib/bytes.js" */

/**
 * A result in the making.
 * @typedef {object} Draft
 * @property {(bytes: Bytes) => Promise<void>} write appends; throws AppError("disk_full")
 * @property {() => Promise<Blob>} finish what was written; it can be read until `discard`
 * @property {() => Promise<void>} discard take it away, finished or not; twice is the same as once
 */
/**
 * @typedef {object} Scratch
 * @property {() => Promise<Draft>} open
 * @property {() => Promise<void>} sweep take away everything, whoever made it
 */
/**
 * What of FileSystemSyncAccessHandle is needed here; the types of a page do not know it.
 * @typedef {object} AccessHandle
 * @property {(bytes: Bytes) => number} write at the place the last one ended; how much was written
 * @property {() => void} flush
 * @property {() => void} close
 */
/** @typedef {FileSystemFileHandle & { createSyncAccessHandle: () => Promise<AccessHandle> }} ScratchFile */

/** The engine's; there is one engine at a time. */
const FOLDER = "scratch";
// A flush holds up the worker; on a slow disk that of a whole large file, for longer than a tab may be silent.
const FLUSH_BYTES = 32 * 1024 * 1024;

/**
 * @param {() => Promise<FileSystemDirectoryHandle>} openRoot of the origin's private file system;
 *   rejects where there is none
 * @param {string} [folderName] of nobody else who is alive
 * @returns {Scratch}
 */
export function createScratch(openRoot, folderName = FOLDER) {
  let last = 0;
  return Object.freeze({
    async open() {
      last += 1;
      try {
        return await openFileDraft(await openRoot(), folderName, `${last}`);
      } catch {
        return openBlobDraft();
      }
    },
    async sweep() {
      try {
        await (await openRoot()).removeEntry(folderName, { recursive: true });
      } catch {
        // Nothing was left over, or this browser has no such files.
      }
    },
  });
}

/**
 * @param {FileSystemDirectoryHandle} root
 * @param {string} folderName
 * @param {string} name
 * @returns {Promise<Draft>}
 */
async function openFileDraft(root, folderName, name) {
  const folder = await root.getDirectoryHandle(folderName, { create: true });
  const file = /** @type {ScratchFile} */ (await folder.getFileHandle(name, { create: true }));
  const handle = await file.createSyncAccessHandle();
  let unflushedBytes = 0;
  return Object.freeze({
    /** @param {Bytes} bytes */
    async write(bytes) {
      if (!writeAll(handle, bytes)) throw new AppError("disk_full");
      unflushedBytes += bytes.length;
      if (unflushedBytes < FLUSH_BYTES) return;
      handle.flush();
      unflushedBytes = 0;
    },
    async finish() {
      handle.flush();
      handle.close();
      return file.getFile();
    },
    async discard() {
      handle.close();
      await folder.removeEntry(name).catch(() => {});
    },
  });
}

/**
 * On a full disk Chromium writes what fits and throws nothing; WebKit throws.
 * @param {AccessHandle} handle
 * @param {Bytes} bytes
 * @returns {boolean} false when the disk is full
 */
function writeAll(handle, bytes) {
  try {
    return handle.write(bytes) === bytes.length;
  } catch (error) {
    if (error instanceof DOMException && error.name === "QuotaExceededError") return false;
    throw error;
  }
}

/** @returns {Draft} */
function openBlobDraft() {
  /** @type {Blob[]} */
  let parts = [];
  return Object.freeze({
    /** @param {Bytes} bytes */
    async write(bytes) {
      parts.push(new Blob([bytes]));
    },
    finish: async () => new Blob(parts),
    async discard() {
      parts = [];
    },
  });
}
