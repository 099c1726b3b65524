/**
 * Files without sending: sealed for people or under a passphrase, opened again, all on this device.
 *
 *     sealFile ─▶ pieces of the file ─▶ crypto/sealed-file.js ─▶ scratch ─▶ a File for the page to save
 *     openFile ─▶ head, sender ─▶ content ─▶ scratch ─▶ a File, after the last byte has been verified
 *
 * Nothing here needs the network as long as the people are known. Each job has a name drawn by the page,
 * by which it is cancelled and its result is taken away.
 */

import { piecesOf } from "../lib/blob-pieces.js";
import { AppError } from "../lib/errors.js";
import { toFileName, toMediaType } from "../crypto/file-name.js";
import { openSealed, readSealed, sealFile } from "../crypto/sealed-file.js";
import { readHead } from "../crypto/sealed-file-head.js";
import { openForDevice, passphraseKey } from "../crypto/sealed-file-keys.js";
import { Refusal, refusalOf } from "./file-people.js";
import { readable } from "./file-up.js";
import { requirePassphrase } from "./passphrase.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { OpenedFile, Sealing } from "../crypto/sealed-file.js" */
/** @import { SealedHead } from "../crypto/sealed-file-head.js" */
/** @import { SealingKey } from "../crypto/types.js" */
/** @import { Draft, Scratch } from "../storage/scratch.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { Core } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { EngineCalls, FileRefusal, OpenFileResult, SealFor } from "./types.js" */

const PROGRESS_EVERY_MS = 100;
const SUFFIX = ".seal";
/** How long a browser may take to copy a result that it was told to save. */
const KEEP_RESULT_MS = 60_000;

/** @typedef {{ abort: AbortController, draft: Draft | null }} Job */

/**
 * @param {Core} core
 * @param {{ filePeople: FilePeople, startArgon2: StartArgon2, scratch: Scratch }} parts
 */
export function createSealedFiles(core, { filePeople, startArgon2, scratch }) {
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
    let [doneBytes, toldMs] = [0, 0];
    for await (const piece of piecesOf(blob)) {
      if (signal.aborted) throw new AppError("cancelled");
      if (core.clock.nowMs() - toldMs >= PROGRESS_EVERY_MS) {
        toldMs = core.clock.nowMs();
        core.emit("fileProgress", { job: name, doneBytes, totalBytes: blob.size });
      }
      yield piece;
      doneBytes += piece.length;
    }
  };

  /**
   * @param {SealFor} to
   * @returns {Promise<{ sealing: Sealing, end: () => void }>}
   */
  const sealingFor = async (to) => {
    if (to.kind === "passphrase") {
      requirePassphrase(to.passphrase);
      const { argon2id, end } = startArgon2();
      return { sealing: { kind: "passphrase", passphrase: to.passphrase, argon2id }, end };
    }
    const recipients = await filePeople.devicesOf(to.kind === "me" ? core.own.user : to.user);
    const sender = filePeople.sender();
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
   * @param {EngineCalls["openFile"][0]} form
   * @returns {Promise<OpenFileResult>}
   */
  const open = ({ job: name, file, passphrase }) =>
    run(name, async (draft, signal) => {
      const head = await readHead(async (offset, length) => {
        return new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
      });
      const opened = await openSealed(head, await keyOf(head, passphrase), file.size);
      const origin = filePeople.originOf(opened.sender);
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

/**
 * @param {unknown} error
 * @returns {{ verdict: FileRefusal, name: string }}
 */
function refused(error) {
  const verdict = refusalOf(error);
  if (verdict === null) throw error;
  return { verdict, name: error instanceof Refusal ? error.claimed : "" };
}

/**
 * @param {Blob} content
 * @param {OpenedFile["manifest"]} manifest
 */
function named(content, { name }) {
  // Never by the type the sender says: a page of theirs must not open as one of ours.
  return new File([content], name, { type: "application/octet-stream" });
}
