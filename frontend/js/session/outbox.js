/**
 * What was written here and is on its way, in the order it was written.
 *
 *     composed ─seal─▶ sealed ─send─▶ accepted: gone from here, its row has a number
 *        ▲               │ stale_devices: lists are fetched and verified, missing capsules added
 *        └──── retry ── failed(code): waits for a person
 *
 * Composing is one transaction and needs no network (outbox-records.js). What waits is sent when there is
 * a connection (sending.js); a message whose files are not at the server yet is on hold and stops nobody.
 */

import { toBase64url } from "../lib/bytes.js";
import { randomBytes } from "../crypto/primitives.js";
import { createOutboxRecords } from "./outbox-records.js";
import { createSending } from "./sending.js";

/** @import { Control, Core, FileRecord, OutboxRecord, SealedMessage } from "./model.js" */
/** @import { Parts as RecordParts } from "./outbox-records.js" */
/** @import { Parts as SendingParts } from "./sending.js" */

/** @typedef {ReturnType<typeof createOutbox>} Outbox */

/**
 * @param {Core} core
 * @param {RecordParts & Omit<SendingParts, "records">} parts
 */
export function createOutbox(core, parts) {
  const { rooms, trust } = parts;
  const records = createOutboxRecords(core, parts);
  const sending = createSending(core, { ...parts, records });

  /**
   * @param {string} room
   * @param {Pick<OutboxRecord, "msgId" | "text"> & Partial<OutboxRecord>} what
   */
  const compose = async (room, what) => {
    const key = await records.add(room, what);
    sending.work(room);
    return key;
  };

  /**
   * @param {OutboxRecord} entry
   * @returns {Promise<SealedMessage | null>}
   */
  const forIdentitiesNow = async ({ sealed, room }) => {
    if (sealed === null) return null;
    const { peer } = rooms.require(room);
    const { trusted } = await trust.ensure(peer);
    const identities = { ...sealed.identities, [peer]: trusted.record.accountKey };
    return { ...sealed, capsules: [], identities };
  };

  return Object.freeze({
    load: records.load,
    start: sending.start,
    stop: sending.stop,
    /**
     * @param {string} room
     * @param {string} text
     * @param {string} msgId drawn by the tab that asked, so that asking twice writes once
     * @returns {Promise<string>} the row's key
     */
    write: (room, text, msgId) => compose(room, { msgId, text }),
    /**
     * A message that is sent when `hold` says that its files are at the server.
     * @param {string} room
     * @param {{ msgId: string, text: string, files: FileRecord[] }} message
     * @returns {Promise<string>} the row's key
     */
    writeFiles: (room, message) => compose(room, { ...message, hold: "uploading" }),
    /**
     * @param {string} room
     * @param {Control} control
     */
    async tell(room, control) {
      await compose(room, { msgId: toBase64url(randomBytes(16)), text: null, control });
    },
    get: records.get,
    /** @returns {OutboxRecord[]} what waits for its files */
    held: () => records.all().filter(({ hold }) => hold !== null),
    /**
     * @param {string} key
     * @param {OutboxRecord["hold"]} hold null: its files are there
     */
    async hold(key, hold) {
      await records.amend(key, { hold }, {});
      const room = records.get(key)?.room;
      if (room !== undefined && hold === null) sending.work(room);
    },
    /**
     * @param {string} key
     * @param {(files: FileRecord[]) => FileRecord[]} change
     * @returns {Promise<boolean>} whether the message could be changed: it has not been sealed
     */
    changeFiles: (key, change) =>
      records.step(key, (entry) => {
        if (entry.files === null || entry.hold === null) return null;
        const files = change(entry.files);
        return { entry: { ...entry, files }, row: { files } };
      }),
    fail: sending.fail,
    /** @param {string} key */
    async retry(key) {
      const entry = records.get(key);
      if (entry === undefined || entry.failure === null) return;
      // Asked for by a person, so it may go to the identity that is trusted now.
      const isOther = entry.failure === "identity_changed" && entry.sealed !== null;
      const sealed = isOther ? await forIdentitiesNow(entry) : entry.sealed;
      await records.amend(key, { failure: null, sealed }, { state: "pending", failure: null });
      sending.work(entry.room);
    },
    discard: records.remove,
    /**
     * Whatever waits for a person who is now another one is not sent by itself.
     * @param {string} user
     */
    async holdBack(user) {
      for (const { key, room, failure } of records.all()) {
        if (rooms.get(room)?.peer !== user || failure !== null) continue;
        await records.fail(key, "identity_changed");
      }
    },
    /** @param {string} msgId */
    has: (msgId) => records.all().some((entry) => entry.msgId === msgId),
    /** The log shows an own message: its acknowledgement was lost. */
    seen: records.settle,
    forgetRoom: records.forgetRoom,
  });
}
