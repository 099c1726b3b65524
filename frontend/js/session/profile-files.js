/**
 * Everything of a profile that moves or keeps the bytes of files, put together.
 *
 *     uploads, downloads   of the files in rooms
 *     transfers            of those sent outside rooms
 *     sealed               files without sending
 */

import { fromBase64url, toBase64url } from "../lib/bytes.js";
import { signFileGrant } from "../crypto/file-grant.js";
import { createFileCalls } from "../net/files.js";
import { createDownloads } from "./downloads.js";
import { createFileDown } from "./file-down.js";
import { createFilePeople } from "./file-people.js";
import { createSealedFiles } from "./sealed-files.js";
import { createShelf } from "./shelf.js";
import { createTraffic } from "./traffic.js";
import { createTransfers } from "./transfers.js";
import { createUploads } from "./uploads.js";

/** @import { Scratch } from "../storage/scratch.js" */
/** @import { Core, FileRecord } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { People } from "./people.js" */
/** @import { Status } from "./traffic.js" */
/** @import { Trust } from "./trust.js" */

/** @typedef {ReturnType<typeof createProfileFiles>} ProfileFiles */

/**
 * @param {Core} core
 * @param {{ outbox: Outbox, people: People, trust: Trust, scratch: Scratch, keptBytes: number,
 *   startArgon2: StartArgon2,
 *   isOnline: () => boolean, life: AbortSignal, tellRow: (key: string) => Promise<void>,
 *   onTransfers: () => void }} parts
 */
export function createProfileFiles(core, parts) {
  const { outbox, people, trust, scratch, startArgon2, isOnline, life, tellRow } = parts;
  const shelf = createShelf(core, {
    keptBytes: parts.keptBytes,
    isNeeded: (file) =>
      transfers.needs(file) ||
      outbox.held().some(({ files }) => files?.some((f) => f.file_id === file)),
  });
  const traffic = createTraffic(core, { isOnline });
  const calls = createFileCalls(core.api, {
    sign: async (file, use, issuedMs) => {
      const fileId = fromBase64url(file, 16);
      return toBase64url(await signFileGrant(core.own, { fileId, use, issuedMs }));
    },
    nowMs: core.serverNowMs,
    log: core.log,
  });
  const uploads = createUploads(core, { outbox, calls, shelf, traffic, tellRow });
  const fileDown = createFileDown(core, { calls, shelf, traffic, scratch });
  const downloads = createDownloads(core, { fileDown, tellRow });
  const filePeople = createFilePeople(core, { trust, people });
  const sealed = createSealedFiles(core, { filePeople, startArgon2, scratch });
  const transfers = createTransfers(core, {
    fileCalls: calls,
    fileDown,
    shelf,
    traffic,
    people,
    trust,
    filePeople,
    startArgon2,
    isOnline,
    life,
    onChange: parts.onTransfers,
  });

  return Object.freeze({
    uploads,
    downloads,
    transfers,
    sealed,
    /**
     * @param {FileRecord} file
     * @returns {Status}
     */
    statusOf: ({ file_id: file, size, verdict }) =>
      traffic.status(file) ??
      (shelf.isVerified(file)
        ? { state: "intact", doneBytes: size, failure: null }
        : { state: verdict ?? "here", doneBytes: 0, failure: null }),
    /**
     * Read what is kept, and let go of what belongs to nothing any more.
     * @param {(room: string) => boolean} isRoom
     */
    async load(isRoom) {
      await transfers.load();
      await shelf.load((home) => isRoom(home) || transfers.owns(home));
      await scratch.sweep();
    },
    /** Go on with what was under way. */
    work() {
      uploads.work();
      transfers.work();
    },
    /** There is a connection: nobody waits any longer. */
    wake: () => traffic.wake(),
    /** @param {string} room */
    forgetRoom(room) {
      uploads.stop(room);
      fileDown.stop(room);
      shelf.forgetRoom(room);
    },
    stop() {
      uploads.stop();
      transfers.stop();
      fileDown.stop();
    },
  });
}
