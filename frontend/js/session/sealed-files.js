/**
 * Files without sending: sealed for people or under a passphrase, opened again, all on this device.
 *
 *     sealFile ─▶ pieces of the file ─▶ crypto/sealed-file.js ─▶ scratch ─▶ a File for the page to save
 *     openFile ─▶ head, sender ─▶ content ─▶ scratch ─▶ a File, after the last byte has been verified
 *
 * Nothing here needs the network as long as the people are known. Each job has a name drawn by the page,
 * by which it is cancelled and its result is taken away.
 */

import { equal, toBase64url } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { findEntry } from "../crypto/device-list.js";
import { toFileName, toMediaType } from "../crypto/file-name.js";
import { openSealed, readSealed, sealFile } from "../crypto/sealed-file.js";
import { readHead } from "../crypto/sealed-file-head.js";
import { openForDevice, passphraseKey } from "../crypto/sealed-file-keys.js";
import { certificateBytes } from "./directory.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { OpenedFile, Sealing } from "../crypto/sealed-file.js" */
/** @import { SealedHead } from "../crypto/sealed-file-head.js" */
/** @import { DeviceCertificate, SealingKey } from "../crypto/types.js" */
/** @import { Draft, Scratch } from "../storage/scratch.js" */
/** @import { Core } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { People } from "./people.js" */
/** @import { Trust } from "./trust.js" */
/** @import { EngineCalls, FileOrigin, FileRefusal, OpenFileResult, SealFor } from "./types.js" */

const PIECE_BYTES = 1_048_576;
const PROGRESS_EVERY_MS = 100;
const MIN_PASSPHRASE_CHARS = 10;
const SUFFIX = ".seal";
/** How long a browser may take to copy a result that it was told to save. */
const KEEP_RESULT_MS = 60_000;

/** @typedef {{ abort: AbortController, draft: Draft | null }} Job */

/**
 * @param {Core} core
 * @param {{ trust: Trust, people: People, startArgon2: StartArgon2, scratch: Scratch }} parts
 */
export function createSealedFiles(core, { trust, people, startArgon2, scratch }) {
  /** @type {Map<string, Job>} */
  const jobs = new Map();

  /**
   * Run a job that can be cancelled; whatever it wrote goes when it fails.
   * @template Result
   * @param {string} name
   * @param {(draft: Draft, signal: AbortSignal) => Promise<Result>} work
   * @returns {Promise<Result>}
   */
  const run = async (name, work) => {
    /** @type {Job} */
    const job = { abort: new AbortController(), draft: null };
    jobs.set(name, job);
    job.draft = await scratch.open();
    try {
      return await work(job.draft, job.abort.signal);
    } catch (error) {
      jobs.delete(name);
      await job.draft.discard();
      throw readable(error);
    }
  };

  /**
   * @param {string} name
   * @param {Blob} blob
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Bytes, void>}
   */
  const read = async function* (name, blob, signal) {
    let toldMs = 0;
    for (let doneBytes = 0; doneBytes < blob.size; doneBytes += PIECE_BYTES) {
      if (signal.aborted) throw new AppError("cancelled");
      if (core.clock.nowMs() - toldMs >= PROGRESS_EVERY_MS) {
        toldMs = core.clock.nowMs();
        core.emit("fileProgress", { job: name, doneBytes, totalBytes: blob.size });
      }
      yield new Uint8Array(await blob.slice(doneBytes, doneBytes + PIECE_BYTES).arrayBuffer());
    }
  };

  /**
   * The devices to seal for: those pinned, when the network is away.
   * @param {string} user
   */
  const devicesOf = async (user) => {
    const known = trust.get(user);
    const pin = await trust.ensure(user).catch((error) => {
      if (known === undefined) throw error;
      return known;
    });
    if (pin.candidate !== null) throw new AppError("identity_changed");
    return [...pin.trusted.devices.values()];
  };

  /**
   * @param {SealFor} to
   * @returns {Promise<{ sealing: Sealing, end: () => void }>}
   */
  const sealingFor = async (to) => {
    if (to.kind === "passphrase") {
      if (to.passphrase.length < MIN_PASSPHRASE_CHARS) throw new AppError("weak_password");
      const { argon2id, end } = startArgon2();
      return { sealing: { kind: "passphrase", passphrase: to.passphrase, argon2id }, end };
    }
    const recipients = await devicesOf(to.kind === "me" ? core.own.user : to.user);
    const { certificate } = core.account;
    if (certificate === null) throw new AppError("storage_failed", "own certificate");
    const sender = {
      accountKey: core.own.certificate.accountKey,
      certificate: certificateBytes(certificate),
      signingKey: core.own.signingKey,
    };
    return { sealing: { kind: "people", recipients, sender }, end: () => {} };
  };

  /**
   * @param {SealedHead} head
   * @param {string | undefined} passphrase
   * @returns {Promise<SealingKey>}
   */
  const keyOf = async ({ header }, passphrase) => {
    if (header.kind === "people") {
      return openForDevice(header, core.own.certificate, core.own.agreementKey);
    }
    if (passphrase === undefined) throw new Refusal("passphrase-needed");
    const worker = startArgon2();
    try {
      return await passphraseKey(header, passphrase, worker.argon2id);
    } finally {
      worker.end();
    }
  };

  /**
   * Whom a verified signature is from, as far as this device knows.
   * @param {DeviceCertificate | null} sender
   * @returns {FileOrigin}
   */
  const originOf = (sender) => {
    if (sender === null) return { kind: "passphrase", user: null, name: "", verified: false };
    const user = toBase64url(sender.userId);
    const isOwn = user === core.own.user;
    const pin = trust.get(user);
    const expected = isOwn ? core.own.certificate.accountKey : pin?.trusted.accountKey;
    if (expected === undefined) return { kind: "stranger", user, name: "", verified: false };
    const { displayName: name } = isOwn ? core.account : people.person(user);
    const entry = pin && findEntry(pin.trusted.list, sender.deviceId);
    const isListed = entry === undefined || equal(entry.certHash, sender.certHash);
    if (!equal(sender.accountKey, expected) || !isListed) throw new Refusal("wrong-sender", name);
    const kind = entry?.status === "revoked" ? "removed" : isOwn ? "own" : "known";
    return { kind, user, name, verified: trust.stateOf(user) === "verified" };
  };

  /**
   * @param {EngineCalls["openFile"][0]} form
   * @returns {Promise<OpenFileResult>}
   */
  const open = ({ job: name, file, passphrase }) =>
    run(name, async (draft, signal) => {
      const head = await readHead(async (offset, length) => {
        return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
      });
      const opened = await openSealed(head, await keyOf(head, passphrase), file.size);
      const origin = originOf(opened.sender);
      const pieces = read(name, file.slice(head.sizeBytes), signal);
      for await (const piece of readSealed(opened, pieces)) await draft.write(piece);
      const result = named(await draft.finish(), opened.manifest);
      return { verdict: "intact", file: result, origin, sealedMs: opened.manifest.sealedAtMs };
    });

  return Object.freeze({
    /**
     * @param {EngineCalls["sealFile"][0]} form
     * @returns {Promise<{ file: File }>}
     */
    seal: ({ job: name, file, to }) =>
      run(name, async (draft, signal) => {
        const { sealing, end } = await sealingFor(to);
        const plain = {
          name: toFileName(file.name),
          mime: toMediaType(file.type),
          sizeBytes: file.size,
          pieces: read(name, file, signal),
          sealedAtMs: core.clock.nowMs(),
        };
        try {
          const head = await sealFile(plain, sealing, draft.write);
          const result = [head, await draft.finish()];
          return {
            file: new File(result, `${plain.name}${SUFFIX}`, { type: "application/octet-stream" }),
          };
        } finally {
          end();
        }
      }),
    /**
     * Never rejects for what is wrong with the file: that is its verdict.
     * @param {EngineCalls["openFile"][0]} form
     * @returns {Promise<OpenFileResult>}
     */
    open: (form) => open(form).catch(refused),
    /** @param {string} name */
    cancel: (name) => jobs.get(name)?.abort.abort(),
    /**
     * The page is done with a result, although the browser may still be copying it.
     * @param {string} name
     */
    async release(name) {
      const job = jobs.get(name);
      jobs.delete(name);
      await core.clock.sleep(KEEP_RESULT_MS);
      await job?.draft?.discard();
    },
  });
}

/** A verdict on its way to the page. */
class Refusal extends AppError {
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
 * @param {unknown} error
 * @returns {{ verdict: FileRefusal, name: string }}
 */
function refused(error) {
  if (error instanceof Refusal) return { verdict: error.verdict, name: error.claimed };
  const verdict = verdictOf(error);
  if (verdict === null) throw error;
  return { verdict, name: "" };
}

/**
 * @param {unknown} error
 * @returns {FileRefusal | null} null for what says nothing about the file
 */
function verdictOf(error) {
  if (error instanceof DecryptError) {
    if (error.reason === "unsupported") return "newer";
    return error.reason === "no-session" ? "not-for-us" : "damaged";
  }
  if (!(error instanceof AppError)) return null;
  if (error.code === "not_sealed") return "not-sealed";
  if (error.code === "weak_kdf") return "damaged";
  return error.code === "bad_signature" || error.code === "bad_key" ? "wrong-sender" : null;
}

/**
 * What a browser says about a file or a disk, as a code of ours.
 * @param {unknown} error
 */
function readable(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError") return new AppError("disk_full");
  if (name === "NotReadableError" || name === "NotFoundError") return new AppError("file_changed");
  return error;
}

/**
 * @param {Blob} content
 * @param {OpenedFile["manifest"]} manifest
 */
function named(content, { name }) {
  // Never by the type the sender says: a page of theirs must not open as one of ours.
  return new File([content], name, { type: "application/octet-stream" });
}
