/** Records at rest: JSON sealed under the device key, each nailed to its store and id (SEAL1 §4.2). */

import { fromUtf8, utf8, wipe } from "../lib/bytes.js";
import { openRecord, sealRecord } from "../crypto/storage-key.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Owner } from "../crypto/storage-key.js" */

/**
 * @typedef {object} Vault
 * @property {CryptoKey} key VK
 * @property {Owner} owner
 * @property {(kind: string, id: string, record: object) => Promise<Bytes>} seal
 * @property {(kind: string, id: string, sealed: Bytes) => Promise<any>} open throws DecryptError; any:
 *   the caller names the type of what it sealed
 */

/**
 * @param {CryptoKey} key VK
 * @param {Owner} owner
 * @returns {Vault}
 */
export function createVault(key, owner) {
  return Object.freeze({
    key,
    owner,
    async seal(kind, id, record) {
      const bytes = utf8(JSON.stringify(record));
      const sealed = await sealRecord(key, owner, { kind, recordId: utf8(id) }, bytes);
      wipe(bytes);
      return sealed;
    },
    async open(kind, id, sealed) {
      const bytes = await openRecord(key, owner, { kind, recordId: utf8(id) }, sealed);
      const record = JSON.parse(fromUtf8(bytes));
      wipe(bytes);
      return record;
    },
  });
}
