/** What makes a transfer a link: its secret, what the server keeps of it, and what the secret opens. */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { parseEntry } from "../crypto/file-manifest.js";
import {
  deriveLinkKeys,
  dumpFragment,
  makeLinkSecret,
  protectSecret,
  sealLinkManifest,
} from "../crypto/link.js";
import { makeLinkManifest } from "../crypto/link-manifest.js";
import { sha256 } from "../crypto/primitives.js";

/** @import { FileEntry } from "../crypto/file-manifest.js" */
/** @import { LinkSigner } from "../crypto/link-manifest.js" */
/** @import { LinkSecret } from "../crypto/types.js" */
/** @import { LinkOffer } from "../net/transfers.js" */
/** @import { StartArgon2 } from "./password-secret.js" */

/**
 * Make a link for these files. The passphrase is needed now and never again; nothing keeps it.
 *
 * Throws: AppError "malformed" for a name that no opener would take; "kdf_failed".
 * @param {object} link
 * @param {string} link.id of the transfer
 * @param {readonly FileEntry[]} link.files with their keys
 * @param {string | null} link.passphrase
 * @param {LinkSigner | null} link.signer null when the sender does not want to be named
 * @param {StartArgon2} startArgon2
 * @returns {Promise<{ link: string, offer: LinkOffer }>} `link`: its path, with the secret
 */
export async function makeLink({ id, files, passphrase, signer }, startArgon2) {
  const transferId = fromBase64url(id, 16);
  const secret = makeLinkSecret();
  const opener = await protect(secret, passphrase, id, startArgon2);
  const { auth, manifestKey } = await deriveLinkKeys(opener);
  const json = await makeLinkManifest({ transferId, files: files.map(parseEntry), signer });
  return {
    link: `/t/${id}#${dumpFragment(secret)}`,
    offer: {
      auth_hash: toBase64url(await sha256(auth)),
      manifest: toBase64url(await sealLinkManifest(manifestKey, transferId, json)),
      has_passphrase: passphrase !== null,
    },
  };
}

/**
 * @param {LinkSecret} secret LS
 * @param {string | null} passphrase
 * @param {string} id
 * @param {StartArgon2} startArgon2
 * @returns {Promise<LinkSecret>} LS'
 */
async function protect(secret, passphrase, id, startArgon2) {
  if (passphrase === null) return secret;
  const { argon2id, end } = startArgon2();
  try {
    return await protectSecret(secret, passphrase, fromBase64url(id, 16), argon2id);
  } finally {
    end();
  }
}
