/**
 * Asking again for what could not be opened, and answering when others ask (SEAL1 §4.6).
 *
 *     waiting ─▶ a fresh session with a reset, and the ids ─▶ asked-again ─▶ the row becomes the message
 *
 * A reset costs the other device prekeys, so a device gets at most one an hour and five a day; what comes
 * in between waits. Keys are given out once for each message and device, for seven days, and only to a
 * device that was meant at the time, of an identity that has not changed since.
 */

import { readRow, readWanted } from "../storage/messages.js";
import { putSetting, readSetting } from "../storage/settings.js";
import { ROOM_TTL_MS } from "../protocol/limits.js";
import { answerRetry, askAgain, MAX_RETRY } from "./control.js";
import { openRow, rowKey, storeRow, toMessageRow } from "./rows.js";

/** @import { Core, RowRecord } from "./model.js" */
/** @import { StoredRow } from "../storage/messages.js" */
/** @import { Accepted } from "./accepted.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Trust } from "./trust.js" */
/** @import { MessageRow } from "./types.js" */

const GATHER_MS = 1_000; // a page of broken messages is one request
const HOUR_MS = 3_600_000;
const RESETS_PER_HOUR = 1;
const RESETS_PER_DAY = 5;
const SETTING = "resets";

/** @typedef {ReturnType<typeof createHealer>} Healer */
/** @typedef {{ stored: StoredRow, record: RowRecord }} Wanted */

/**
 * @param {Core} core
 * @param {{ rooms: Rooms, outbox: Outbox, trust: Trust, accepted: Accepted,
 *   onRows: (room: string, rows: MessageRow[]) => void }} parts
 */
export function createHealer(core, { rooms, outbox, trust, accepted, onRows }) {
  const { db, vault, clock } = core;
  let waiting = false;

  /** @returns {Promise<Record<string, number[]>>} device → times of resets */
  const readResets = async () => {
    const row = await readSetting(db, SETTING);
    return row === undefined ? {} : vault.open("setting", SETTING, row.sealed);
  };

  /** @param {string} peer @returns {Promise<boolean>} whether one may be sent now; then it is counted */
  const takeReset = async (peer) => {
    const nowMs = clock.nowMs();
    const resets = await readResets();
    const times = (resets[peer] ?? []).filter((at) => nowMs - at < 24 * HOUR_MS);
    const lastHour = times.filter((at) => nowMs - at < HOUR_MS);
    if (lastHour.length >= RESETS_PER_HOUR || times.length >= RESETS_PER_DAY) return false;
    const next = { ...resets, [peer]: [...times, nowMs] };
    await db.commit([
      putSetting({ id: SETTING, sealed: await vault.seal("setting", SETTING, next) }),
    ]);
    return true;
  };

  /**
   * @param {Wanted[]} wanted
   * @param {"asked-again" | "lost"} next
   */
  const mark = (wanted, next) =>
    core.mutex.run(async () => {
      for (const { stored } of wanted) {
        const now = await readRow(db, stored.key);
        const room = rooms.get(stored.room);
        const record = now && (await openRow(core, now));
        if (now === undefined || room === undefined || record?.kind !== "undecryptable") continue;
        const changed = { ...record, next };
        const wantedFrom = next === "lost" ? null : (now.wanted_from ?? null);
        const row = await storeRow(core, { ...now, record: changed, wantedFrom });
        await db.commit([row.change]);
        onRows(room.id, [toMessageRow(core, room, row.stored, changed)]);
      }
    });

  /**
   * @param {string} peer
   * @param {Wanted[]} wanted
   */
  const ask = async (peer, wanted) => {
    const [user = "", device = ""] = peer.split("/");
    const state = trust.stateOf(user);
    if (trust.device(user, device) === undefined) return mark(wanted, "lost");
    if (state === "changed" || state === "changed-verified") return undefined;
    if (!(await takeReset(peer))) return undefined;
    const byRoom = groupBy(wanted, ({ stored }) => stored.room);
    let isReset = true;
    for (const [room, rows] of byRoom) {
      const asked = rows.slice(-MAX_RETRY);
      const ids = asked.map(({ record }) => record.msgId);
      await outbox.tell(room, askAgain(peer, ids, isReset));
      await mark(asked, "asked-again");
      isReset = false;
    }
    return undefined;
  };

  const look = async () => {
    /** @type {Wanted[]} */
    const wanted = [];
    for (const stored of await readWanted(db)) {
      const record = await openRow(core, stored);
      if (record.next === "waiting") wanted.push({ stored, record });
    }
    const byPeer = groupBy(wanted, ({ stored }) => stored.wanted_from ?? "");
    for (const [peer, rows] of byPeer) await ask(peer, rows);
  };

  return Object.freeze({
    /** Look soon whether somebody is to be asked. */
    touch() {
      if (waiting) return;
      waiting = true;
      void clock.sleep(GATHER_MS).then(async () => {
        waiting = false;
        await look().catch((error) => core.log.warn("healer.failed", { error }));
      });
    },
    /**
     * Another device could not open messages of this one.
     * @param {string} roomId
     * @param {{ peer: string, msgIds: string[] }} request
     */
    async answer(roomId, { peer, msgIds }) {
      const [user = ""] = peer.split("/");
      const pin = trust.get(user);
      if (pin === undefined || pin.candidate !== null) return;
      const accountKey = pin.trusted.record.accountKey;
      /** @type {{ stored: StoredRow, retry: NonNullable<RowRecord["retry"]>, msgId: string }[]} */
      const found = [];
      /** @type {string[]} accepted by the server, and without a row: told between devices */
      const nothing = [];
      for (const msgId of msgIds) {
        const stored = await readRow(db, rowKey(roomId, core.own.device, msgId));
        if (stored === undefined && accepted.has(msgId)) nothing.push(msgId);
        const record = stored && (await openRow(core, stored));
        const { retry } = record ?? {};
        if (stored === undefined || record === undefined || retry === undefined) continue;
        const wasMeant = retry.recipients[peer] === accountKey && !retry.reissued.includes(peer);
        const isFresh = core.serverNowMs() - record.sentMs <= ROOM_TTL_MS;
        if (wasMeant && isFresh) found.push({ stored, retry, msgId });
      }
      if (found.length + nothing.length === 0) return;
      const keys = found.map(({ retry, msgId }) => ({
        msgId,
        contentKey: retry.contentKey,
        payloadHash: retry.payloadHash,
      }));
      await outbox.tell(roomId, answerRetry(peer, keys, nothing));
      await core.mutex.run(async () => {
        for (const { stored } of found) {
          const now = await readRow(db, stored.key);
          if (now === undefined) continue;
          const record = await openRow(core, now);
          if (record.retry === undefined) continue;
          const retry = { ...record.retry, reissued: [...record.retry.reissued, peer] };
          const { change } = await storeRow(core, { ...now, record: { ...record, retry } });
          await db.commit([change]);
        }
      });
    },
  });
}

/**
 * @param {readonly Wanted[]} rows
 * @param {(row: Wanted) => string} keyOf
 * @returns {Map<string, Wanted[]>}
 */
function groupBy(rows, keyOf) {
  /** @type {Map<string, Wanted[]>} */
  const groups = new Map();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}
