/**
 * People around sealed files: whose devices one is sealed for, who signs it, whom a signature is from, and
 * why one is refused (docs/crypto.md §11.3).
 */

import { equal, toBase64url } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { findEntry } from "../crypto/device-list.js";
import { certificateBytes } from "./directory.js";

/** @import { SealingSender } from "../crypto/sealed-file-manifest.js" */
/** @import { DeviceCertificate } from "../crypto/types.js" */
/** @import { Core } from "./model.js" */
/** @import { People } from "./people.js" */
/** @import { Trust } from "./trust.js" */
/** @import { FileOrigin, FileRefusal } from "./types.js" */

/** @typedef {Pick<DeviceCertificate, "userId" | "deviceId" | "accountKey" | "certHash">} Signer verified */
/** @typedef {ReturnType<typeof createFilePeople>} FilePeople */

/**
 * @param {Core} core
 * @param {{ trust: Trust, people: People }} parts
 */
export function createFilePeople(core, { trust, people }) {
  return Object.freeze({
    /**
     * The devices to seal for: those pinned, when the network is away.
     *
     * Throws: AppError("identity_changed"); whatever the first look at somebody ends with.
     * @param {string} user
     */
    async devicesOf(user) {
      const known = trust.get(user);
      const pin = await trust.ensure(user).catch((error) => {
        if (known === undefined) throw error;
        return known;
      });
      if (pin.candidate !== null) throw new AppError("identity_changed");
      return [...pin.trusted.devices.values()];
    },
    /**
     * This device as it signs.
     * @returns {SealingSender}
     */
    sender() {
      const { certificate } = core.account;
      if (certificate === null) throw new AppError("storage_failed", "own certificate");
      return {
        accountKey: core.own.certificate.accountKey,
        certificate: certificateBytes(certificate),
        signingKey: core.own.signingKey,
      };
    },
    /**
     * Whom a verified signature is from, as far as this device knows now.
     *
     * Throws: Refusal "wrong-sender" when it is not from a device of the account that it names.
     * @param {Signer | null} signer null under a passphrase
     * @returns {FileOrigin}
     */
    originOf(signer) {
      if (signer === null) return { kind: "passphrase", user: null, name: "", verified: false };
      const user = toBase64url(signer.userId);
      const isOwn = user === core.own.user;
      const pin = trust.get(user);
      const expected = isOwn ? core.own.certificate.accountKey : pin?.trusted.accountKey;
      if (expected === undefined) return { kind: "stranger", user, name: "", verified: false };
      const { displayName: name } = isOwn ? core.account : people.person(user);
      const entry = pin && findEntry(pin.trusted.list, signer.deviceId);
      const isListed = entry === undefined || equal(entry.certHash, signer.certHash);
      if (!equal(signer.accountKey, expected) || !isListed) throw new Refusal("wrong-sender", name);
      const kind = entry?.status === "revoked" ? "removed" : isOwn ? "own" : "known";
      return { kind, user, name, verified: trust.stateOf(user) === "verified" };
    },
  });
}

/** A verdict on its way to the page. */
export class Refusal extends AppError {
  /**
   * @param {FileRefusal} verdict
   * @param {string} [name] whom the file claims to be from
   */
  constructor(verdict, name = "") {
    super(verdict);
    this.verdict = verdict;
    this.claimed = name;
  }
}

/**
 * @param {unknown} error of opening a file
 * @returns {FileRefusal | null} null for what says nothing about the file
 */
export function refusalOf(error) {
  if (error instanceof Refusal) return error.verdict;
  if (error instanceof DecryptError) {
    if (error.reason === "unsupported") return "newer";
    return error.reason === "no-session" ? "not-for-us" : "damaged";
  }
  if (!(error instanceof AppError)) return null;
  if (error.code === "not_sealed") return "not-sealed";
  if (error.code === "weak_kdf" || error.code === "malformed") return "damaged";
  return error.code === "bad_signature" || error.code === "bad_key" ? "wrong-sender" : null;
}
