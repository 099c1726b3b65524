/**
 * Whether this browser can keep keys at all: store a key pair, read it back, use it.
 *
 * Private windows and Lockdown Mode fail here, and the person is told so, instead of at the first
 * message (SEAL1 §1, §4.2).
 */

import { deleteDatabase } from "../storage/db.js";

/** @typedef {"indexeddb" | "clone" | "crypto" | "locks"} MissingReason */

const PROBE_NAME = "sealroom-probe";
const CURVE = Object.freeze({ name: "ECDH", namedCurve: "P-256" });

/**
 * @param {{ indexedDB: IDBFactory | undefined, locks: Pick<LockManager, "request"> | undefined,
 *   subtle: SubtleCrypto | undefined }} environment
 * @returns {Promise<MissingReason | null>} null when everything is there
 */
export async function findMissing({ indexedDB, locks, subtle }) {
  if (subtle === undefined) return "crypto"; // not a secure origin
  if (locks === undefined) return "locks";
  if (indexedDB === undefined) return "indexeddb";
  try {
    const pair = await subtle.generateKey(CURVE, false, ["deriveBits"]);
    const stored = await throughDatabase(indexedDB, pair.privateKey).catch((error) => {
      if (error instanceof Error && error.name === "DataCloneError") return null;
      throw error;
    });
    if (stored === null) return "clone";
    return await isUsable(subtle, stored, pair.publicKey).then((usable) =>
      usable ? null : "clone",
    );
  } catch {
    return "indexeddb";
  } finally {
    await deleteDatabase(indexedDB, PROBE_NAME).catch(() => {});
  }
}

/**
 * @param {SubtleCrypto} subtle
 * @param {unknown} stored
 * @param {CryptoKey} publicKey
 */
async function isUsable(subtle, stored, publicKey) {
  try {
    const key = /** @type {CryptoKey} */ (stored);
    await subtle.deriveBits({ name: "ECDH", public: publicKey }, key, 256);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {IDBFactory} factory
 * @param {CryptoKey} key
 * @returns {Promise<unknown>} what came back
 */
function throughDatabase(factory, key) {
  return new Promise((resolve, reject) => {
    const request = factory.open(PROBE_NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("keys");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      try {
        const tx = db.transaction("keys", "readwrite");
        tx.objectStore("keys").put(key, "key");
        const read = tx.objectStore("keys").get("key");
        tx.oncomplete = () => {
          db.close();
          resolve(read.result);
        };
        tx.onabort = () => reject(tx.error);
      } catch (error) {
        db.close();
        reject(error);
      }
    };
  });
}
