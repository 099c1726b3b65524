/**
 * Heads of what this device has sent: sealed when everything is at the server, so that they are for the
 * devices of that moment, and for an address when somebody who has it is to be served.
 *
 * Keys are kept as long as this device may have to seal heads: until a transfer is sent, and for an address
 * until somebody who has it is served (docs/crypto.md §12.3).
 */

import { AppError } from "../lib/errors.js";
import { sealHeads } from "./transfer-heads.js";

/** @import { TransferCalls } from "../net/transfers.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { Core, SentRecord } from "./model.js" */
/** @import { People } from "./people.js" */
/** @import { TransferRecords } from "./transfer-records.js" */

/** @typedef {(id: string, fields: Partial<SentRecord>) => Promise<void>} ChangeSent */
/** @typedef {ReturnType<typeof createSentHeads>} SentHeads */

/**
 * @param {Core} core
 * @param {{ records: TransferRecords<SentRecord>, calls: TransferCalls, people: People,
 *   filePeople: FilePeople, change: ChangeSent }} parts
 */
export function createSentHeads(core, { records, calls, people, filePeople, change }) {
  /**
   * Throws: AppError "identity_changed"; what the network ended with.
   * @param {SentRecord} record with its keys
   * @param {string} user
   * @returns {Promise<string[]>} for every device of theirs, base64url, in the order of the files
   */
  const headsFor = async ({ files }, user) => {
    const recipients = await filePeople.devicesOf(user);
    const sender = filePeople.sender();
    return sealHeads(files, { recipients, sender, sealedAtMs: core.clock.nowMs() });
  };

  /** @param {string} user */
  const isContact = (user) => people.person(user).relation === "accepted";

  /**
   * Add the heads for whoever has accepted a transfer to their address, which made them a contact: for
   * anybody else whom the server names, nothing is sealed.
   *
   * Throws: AppError "not_contact", "identity_changed"; what the network ended with.
   * @param {SentRecord} record
   */
  const addHeads = async (record) => {
    const { id, shown, files } = record;
    const user = shown?.user ?? null;
    const isDue = record.to.kind === "address" && record.phase === "open" && files[0]?.key !== "";
    if (!isDue || user === null || shown?.is_sealed === true) return;
    // The hint of a transfer may be faster than that of the contact.
    if (!isContact(user)) await people.refresh();
    if (!isContact(user)) throw new AppError("not_contact");
    const answer = await calls.putHeads(id, await headsFor(record, user));
    await change(id, { shown: answer, servedUser: user, files: withoutKeys(files) });
  };

  /** Serve whoever has accepted and was not served yet; what fails is done at the next look. */
  const serve = async () => {
    for (const record of records.all()) {
      await addHeads(record).catch((error) => core.log.warn("transfer.unserved", { error }));
    }
  };

  return Object.freeze({ headsFor, serve });
}

/**
 * What is kept of the files once they are sent.
 * @param {SentRecord} record
 * @returns {SentRecord["files"]}
 */
export function keptFiles({ to, files }) {
  return to.kind === "address" ? files : withoutKeys(files);
}

/**
 * @param {SentRecord["files"]} files
 * @returns {SentRecord["files"]}
 */
export function withoutKeys(files) {
  return files.map((file) => ({ ...file, key: "" }));
}
