/**
 * Files for people outside of rooms, for addresses and for whoever has a link: what the server shows of
 * them, joined with what this device knows, as one slice for the page.
 *
 * Frames are hints: each makes the lists be fetched again, several of them once.
 */

import { fingerprint } from "../crypto/safety-number.js";
import { createTransferCalls } from "../net/transfers.js";
import { createReceivedTransfers } from "./received-transfers.js";
import { createSentTransfers } from "./sent-transfers.js";
import { createTransferDrafts } from "./transfer-drafts.js";
import { toReceived, toSent } from "./transfer-items.js";
import { createTransferRecords } from "./transfer-records.js";

/** @import { FileCalls } from "../net/files.js" */
/** @import { FileDown } from "./file-down.js" */
/** @import { FilePeople } from "./file-people.js" */
/** @import { Core, ReceivedRecord, SentRecord } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { People } from "./people.js" */
/** @import { Shelf } from "./shelf.js" */
/** @import { Traffic } from "./traffic.js" */
/** @import { Form } from "./transfer-drafts.js" */
/** @import { TransferRecords } from "./transfer-records.js" */
/** @import { Trust } from "./trust.js" */
/** @import { TransferLists } from "./types.js" */

const GATHER_MS = 200; // hints of one change come together

/** @typedef {ReturnType<typeof createTransfers>} Transfers */

/**
 * @param {Core} core
 * @param {{ fileCalls: FileCalls, fileDown: FileDown, shelf: Shelf, traffic: Traffic, people: People,
 *   trust: Trust, filePeople: FilePeople, startArgon2: StartArgon2, isOnline: () => boolean,
 *   life: AbortSignal, onChange: () => void }} parts
 */
export function createTransfers(core, parts) {
  const { traffic, people, filePeople, life } = parts;
  const calls = createTransferCalls(core.api);
  const drafts = createTransferDrafts(core, { ...parts, calls });
  /** @type {TransferRecords<SentRecord>} */
  const sentRecords = createTransferRecords(core, "sent_transfers");
  const sent = createSentTransfers(core, { ...parts, calls, drafts, records: sentRecords });
  /** @type {TransferRecords<ReceivedRecord>} */
  const receivedRecords = createTransferRecords(core, "received_transfers");
  const received = createReceivedTransfers(core, { ...parts, calls, records: receivedRecords });

  let isKnown = false;
  /** @type {string | null} of the own account, once something was signed */
  let own = null;
  /** @type {Promise<void> | null} */
  let looking = null;
  let isStale = false;
  /** @type {Promise<void> | null} */
  let gathering = null;
  /** @type {Set<string>} transfers that the page was told of, with their state */
  const told = new Set();

  const look = async () => {
    const before = sent.open();
    const [outgoing, incoming] = await Promise.all([
      traffic.persist(life, calls.sent),
      traffic.persist(life, calls.inbox),
    ]);
    isKnown = true;
    await sent.adopt(outgoing, before);
    await received.adopt(incoming);
  };

  const lookWhileStale = async () => {
    while (isStale) {
      isStale = false;
      await look().catch((error) => {
        // The page is closed, or logged out: nobody is left to be told.
        if (!life.aborted) throw error;
      });
    }
  };

  /** Fetch the lists; whoever asks while that is under way gets what is newer than the asking. */
  const refresh = () => {
    isStale = true;
    looking ??= lookWhileStale().finally(() => {
      looking = null;
    });
    return looking;
  };

  const touch = () => {
    gathering ??= core.clock.sleep(GATHER_MS, life).then(() => {
      gathering = null;
      return refresh();
    });
    return gathering;
  };

  const knowOwn = async () => {
    const { userId, certificate } = core.own;
    own ??= await fingerprint({ userId, accountKey: certificate.accountKey });
  };

  /** @returns {TransferLists} */
  const slice = () => {
    const statusOf = traffic.status;
    const { originOf } = filePeople;
    const nowMs = core.serverNowMs();
    const known = { statusOf, isUp: sent.isUp, nameOf: core.nameOf, nowMs, fingerprint: own };
    const lists = {
      received: received.all().map((record) => toReceived(record, { statusOf, originOf })),
      sent: sent.all().map((record) => toSent(record, known)),
    };
    if (!isKnown && lists.received.length + lists.sent.length === 0) return null;
    return { received: lists.received.sort(newestFirst), sent: lists.sent.sort(newestFirst) };
  };

  const tidy = async () => {
    await sent.tidy();
    await received.tidy();
  };

  return Object.freeze({
    refresh,
    touch,
    slice,
    tidy,
    async load() {
      await Promise.all([sentRecords.load(), receivedRecords.load()]);
      if (sentRecords.all().some(({ isSigned }) => isSigned)) await knowOwn();
      await tidy();
    },
    /**
     * Something has come.
     * @param {string} id
     */
    async arrived(id) {
      await touch();
      const found = receivedRecords.get(id);
      if (found === undefined || told.has(`${id} ${found.shown.state}`)) return;
      told.add(`${id} ${found.shown.state}`);
      // What is offered may be a stranger's, whose name is a text of their choice: it is seen when asked for.
      const isOffered = found.shown.state === "offered";
      const params = isOffered ? {} : { name: found.shown.sender.display_name };
      const text = isOffered ? "transfers.offered" : "transfers.arrived";
      core.emit("notice", { kind: "info", text, params });
    },
    /**
     * @param {string} id
     * @returns {boolean} whether files of it may be on this device
     */
    owns: (id) => receivedRecords.get(id) !== undefined || sent.isUnderWay(id),
    needs: sent.needs,
    work: sent.work,
    serve: sent.serve,
    stop: sent.stop,
    /**
     * @param {Form} form
     * @param {string} id
     */
    async send(form, id) {
      if (form.signed) await knowOwn();
      await sent.send(form, id);
    },
    pause: sent.pause,
    retry: sent.retry,
    withdraw: sent.withdraw,
    forget: sent.forget,
    /**
     * Whoever sent it is a contact from then on.
     * @param {string} id
     */
    async accept(id) {
      await received.accept(id);
      await people.refresh();
    },
    decline: received.decline,
    fetch: received.fetch,
    cancelFetch: received.cancel,
  });
}

/**
 * @param {{ createdMs: number }} one
 * @param {{ createdMs: number }} other
 */
function newestFirst(one, other) {
  return other.createdMs - one.createdMs;
}
