/**
 * The id under which this tab downloads a link, and whether it has begun to. It is kept by the tab, so that a page which
 * is loaded again goes on with the download that was counted; without the link, which is not kept, it opens nothing.
 */

import { toBase64url } from "../lib/bytes.js";

const KEY = "sealroom.download.";
const ID_BYTES = 16;

/** @typedef {ReturnType<typeof linkDownload>} LinkDownload */

/** @param {string} transfer */
export function linkDownload(transfer) {
  const before = read(KEY + transfer);
  const id = before ?? toBase64url(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
  return Object.freeze({
    id,
    hasBegun: before !== null,
    /** From here on it may have been counted. */
    begin: () => write(KEY + transfer, id),
  });
}

/** @param {string} key */
function read(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string} id
 */
function write(key, id) {
  try {
    sessionStorage.setItem(key, id);
  } catch {
    // A browser without storage downloads anew, which counts once more.
  }
}
