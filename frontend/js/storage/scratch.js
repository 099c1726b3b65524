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
 * @property {(bytes: Bytes) => number} write at the place the last one ended
 * @property {() => void} flush
 * @property {() => void} close
 */
/** @typedef {FileSystemFileHandle & { createSyncAccessHandle: () => Promise<AccessHandle> }} ScratchFile */

const FOLDER = "scratch";

/**
 * @param {() => Promise<FileSystemDirectoryHandle>} openRoot of the origin's private file system;
 *   rejects where there is none
 * @returns {Scratch}
 */
export function createScratch(openRoot) {
  let last = 0;
  return Object.freeze({
    async open() {
      last += 1;
      try {
        return await openFileDraft(await openRoot(), `${last}`);
      } catch {
        return openBlobDraft();
      }
    },
    async sweep() {
      try {
        await (await openRoot()).removeEntry(FOLDER, { recursive: true });
      } catch {
        // Nothing was left over, or this browser has no such files.
      }
    },
  });
}

/**
 * @param {FileSystemDirectoryHandle} root
 * @param {string} name
 * @returns {Promise<Draft>}
 */
async function openFileDraft(root, name) {
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const file = /** @type {ScratchFile} */ (await folder.getFileHandle(name, { create: true }));
  const handle = await file.createSyncAccessHandle();
  return Object.freeze({
    /** @param {Bytes} bytes */
    async write(bytes) {
      // Chromium writes what fits and throws nothing.
      if (handle.write(bytes) !== bytes.length) throw new AppError("disk_full");
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
