/**
 * Who people are: one pinned identity for each, kept until a person decides otherwise (SEAL1 §4.9).
 *
 *     first contact ─▶ new ──number compared──▶ verified
 *                       │ another account key       │ another account key
 *                       ▼                           ▼
 *                    changed                  changed-verified      sending is off until someone decides
 *
 * A list that goes back, forks or revives a device is refused: the pinned one stays, the two
 * contradicting lists are kept as evidence, and the people are told. Trust records are part of the
 * account: they go into the identity backup whenever it is open, and to own devices end-to-end
 * (trust-sharing.js) whenever a number is compared.
 */

import { equal, fromBase64url, toBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { safetyNumber } from "../crypto/safety-number.js";
import { putPin, readPins } from "../storage/pins.js";
import { putSetting, readSetting } from "../storage/settings.js";
import { fetchDirectory, parseIdentity, verifyDirectory } from "./directory.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { DeviceCertificate } from "../crypto/types.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { Identity } from "./directory.js" */
/** @import { Core, PinRecord } from "./model.js" */
/** @import { DeviceDirectory } from "../protocol/bodies.js" */
/** @import { IdentityState } from "./types.js" */
/** @import { Vault } from "./vault.js" */

const FORETOLD = "foretold";
const SEEN_LISTS = 32; // how far behind the picture may be that somebody else has of us
const REFUSED_LISTS = ["list_rollback", "list_fork", "list_gap", "list_revival"];

/** @typedef {{ trusted: Identity, candidate: Identity | null, record: PinRecord }} Pin */
/**
 * What a look at the server brought.
 * @typedef {{ kind: "new-device" | "removed-device", user: string, device: string }
 *   | { kind: "identity-changed" | "list-refused", user: string }} TrustEvent
 */
/**
 * What another device, or the backup, says about a person.
 * @typedef {{ user: string, accountKey: string, verified: boolean }} TrustStatement
 */

/**
 * @typedef {object} Trust
 * @property {() => Promise<void>} load
 * @property {(user: string) => Pin | undefined} get
 * @property {(user: string) => Promise<Pin>} refresh ask the server; rejects with AppError "offline", or
 *   with the refusal of a list
 * @property {(user: string) => Promise<Pin>} ensure the pin, asking only when it is unknown or stale
 * @property {(user: string) => void} markStale
 * @property {(user: string) => IdentityState} stateOf
 * @property {(user: string, device: string) => DeviceCertificate | undefined} device active, of whichever
 *   identity the person shows
 * @property {(user: string, on: boolean) => Promise<void>} setVerified
 * @property {(user: string) => Promise<void>} accept take the candidate without comparing
 * @property {(user: string) => Promise<string[]>} number the safety number with the identity shown now
 * @property {() => TrustStatement[]} statements what this device knows, for the backup
 * @property {(statements: readonly TrustStatement[]) => Promise<string[]>} adopt what another own device
 *   knows; answers the people it changed
 */

/**
 * @param {Core} core
 * @param {(event: TrustEvent) => Promise<void>} onEvent told after the pin is stored
 * @returns {Trust}
 */
export function createTrust(core, onEvent) {
  /** @type {Map<string, Pin>} */
  const pins = new Map();
  /** @type {Set<string>} */
  const stale = new Set();
  /** @type {Map<string, Promise<Pin>>} */
  const refreshing = new Map();
  /** @type {Map<string, TrustStatement>} what was said about people who are not pinned yet */
  const foretold = new Map();

  /**
   * @param {string} user
   * @param {PinRecord} record
   * @returns {Promise<Change>}
   */
  const change = async (user, record) =>
    putPin({ user, sealed: await core.vault.seal("pin", user, record) });

  /**
   * @param {string} user
   * @param {Pin} pin
   */
  const save = async (user, pin) => {
    await core.db.commit([await change(user, pin.record)]);
    pins.set(user, pin);
    return pin;
  };

  /**
   * @param {string} user
   * @returns {Promise<Pin>}
   */
  const look = async (user) => {
    const before = pins.get(user);
    const pinnedVersion = before?.trusted.list.version ?? 0;
    const directory = await fetchDirectory(core.api, user, pinnedVersion);
    const isSame = before !== undefined && directory.aik === before.trusted.record.accountKey;
    if (before !== undefined && !isSame) return seeCandidate(user, before, directory);
    if (user === core.own.user && directory.aik !== toBase64url(core.own.certificate.accountKey)) {
      throw new AppError("bad_signature", "the server names another account key for this account");
    }
    const identity = await verify(user, before, directory);
    const pin = await save(user, pinOf(before, identity, foretold.get(user)));
    stale.delete(user);
    for (const event of differences(user, before?.trusted ?? null, identity)) await onEvent(event);
    return pin;
  };

  /**
   * @param {string} user
   * @param {Pin | undefined} before
   * @param {DeviceDirectory} directory
   */
  const verify = async (user, before, directory) => {
    try {
      return await verifyDirectory(directory, before?.trusted ?? null);
    } catch (error) {
      const isRefused = error instanceof AppError && REFUSED_LISTS.includes(error.code);
      if (before !== undefined && isRefused) {
        const newest = directory.lists.at(-1);
        const evidence =
          newest === undefined ? [] : [{ body: newest.devlist, signature: newest.sig }];
        const record = { ...before.record, evidence: [before.record.trusted.list, ...evidence] };
        await save(user, { ...before, record });
        await onEvent({ kind: "list-refused", user });
      }
      throw error;
    }
  };

  /**
   * The server shows another account key than the pinned one.
   * @param {string} user
   * @param {Pin} before
   * @param {DeviceDirectory} directory
   */
  const seeCandidate = async (user, before, directory) => {
    const known = before.candidate?.record.accountKey === directory.aik ? before.candidate : null;
    const candidate = await verifyDirectory(directory, known);
    const record = { ...before.record, candidate: candidate.record };
    const pin = await save(user, { ...before, candidate, record });
    stale.delete(user);
    if (known === null) await onEvent({ kind: "identity-changed", user });
    return pin;
  };

  /** @type {Trust["refresh"]} */
  const refresh = (user) => {
    const running = refreshing.get(user);
    if (running !== undefined) return running;
    const started = look(user).finally(() => refreshing.delete(user));
    refreshing.set(user, started);
    return started;
  };

  /**
   * @param {string} user
   * @returns {Promise<Pin>}
   */
  const met = async (user) => pins.get(user) ?? refresh(user);

  /**
   * Make the identity shown now the trusted one.
   * @param {string} user
   * @param {boolean} verified
   */
  const settle = async (user, verified) => {
    const { trusted, candidate, record } = await met(user);
    const next = candidate ?? trusted;
    const seen = candidate === null ? record.seen : next.chain;
    await save(user, {
      trusted: next,
      candidate: null,
      record: { ...record, trusted: next.record, candidate: null, verified, seen },
    });
  };

  return Object.freeze({
    async load() {
      const stored = await readSetting(core.db, FORETOLD);
      /** @type {TrustStatement[]} */
      const statements = stored ? await core.vault.open("setting", FORETOLD, stored.sealed) : [];
      for (const statement of statements) foretold.set(statement.user, statement);
      for (const { user, sealed } of await readPins(core.db)) {
        const record = /** @type {PinRecord} */ (await core.vault.open("pin", user, sealed));
        const userId = fromBase64url(user, 16);
        pins.set(user, {
          trusted: await parseIdentity(record.trusted, userId),
          candidate: record.candidate && (await parseIdentity(record.candidate, userId)),
          record,
        });
      }
    },
    get: (user) => pins.get(user),
    refresh,
    async ensure(user) {
      const pin = pins.get(user);
      return pin === undefined || stale.has(user) ? refresh(user) : pin;
    },
    markStale: (user) => void stale.add(user),
    stateOf(user) {
      const pin = pins.get(user);
      if (pin === undefined) return "new";
      if (pin.candidate !== null) return pin.record.verified ? "changed-verified" : "changed";
      return pin.record.verified ? "verified" : "new";
    },
    device(user, device) {
      const pin = pins.get(user);
      return pin?.candidate?.devices.get(device) ?? pin?.trusted.devices.get(device);
    },
    async setVerified(user, on) {
      const pin = await met(user);
      if (on) await settle(user, true);
      else await save(user, { ...pin, record: { ...pin.record, verified: false } });
    },
    async accept(user) {
      const { candidate, record } = await met(user);
      // One tap must not undo a comparison: the number is compared again, or the mark taken off first.
      if (candidate !== null && record.verified) throw new AppError("identity_changed");
      if (candidate !== null) await settle(user, false);
    },
    async number(user) {
      const pin = await met(user);
      const { accountKey } = pin.candidate ?? pin.trusted;
      const own = { userId: core.own.userId, accountKey: core.own.certificate.accountKey };
      return safetyNumber(own, { userId: fromBase64url(user, 16), accountKey });
    },
    statements: () =>
      [...pins]
        .filter(([user]) => user !== core.own.user)
        .map(([user, { record }]) => ({
          user,
          accountKey: record.trusted.accountKey,
          verified: record.verified,
        })),
    async adopt(statements) {
      /** @type {string[]} */
      const changed = [];
      for (const statement of statements) {
        const pin = pins.get(statement.user);
        if (pin === undefined) foretold.set(statement.user, statement);
        else if (applies(statement, pin)) {
          const record = { ...pin.record, verified: statement.verified };
          await save(statement.user, { ...pin, record });
          changed.push(statement.user);
        }
      }
      await core.db.commit([await foretoldChange(core.vault, [...foretold.values()])]);
      return changed;
    },
  });
}

/**
 * Keep what the account knows about people whom this device has not met.
 * @param {Vault} vault
 * @param {readonly TrustStatement[]} statements
 * @returns {Promise<Change>}
 */
export async function foretoldChange(vault, statements) {
  return putSetting({ id: FORETOLD, sealed: await vault.seal("setting", FORETOLD, statements) });
}

/**
 * @param {TrustStatement} statement
 * @param {Pin} pin
 * @returns {boolean} a statement counts for the account key it was made about, and for no other
 */
function applies({ user, accountKey, verified }, { record }) {
  return user !== "" && accountKey === record.trusted.accountKey && verified !== record.verified;
}

/**
 * @param {Pin | undefined} before
 * @param {Identity} identity
 * @param {TrustStatement | undefined} foretold
 * @returns {Pin}
 */
function pinOf(before, identity, foretold) {
  const seen = before?.record.seen ?? [];
  const last = seen.at(-1)?.[0] ?? 0;
  const news = identity.chain.filter(([version]) => version > last);
  // Another own device knows this person by another key: what the server shows is a change, not a
  // first contact.
  const isContradicted =
    before === undefined &&
    foretold !== undefined &&
    foretold.accountKey !== identity.record.accountKey;
  const candidate = isContradicted ? identity : null;
  /** @type {PinRecord} */
  const record = {
    trusted: identity.record,
    candidate: candidate?.record ?? null,
    verified: before?.record.verified ?? foretold?.verified ?? false,
    seen: [...seen, ...news].slice(-SEEN_LISTS),
    evidence: before?.record.evidence ?? [],
  };
  return { trusted: identity, candidate, record };
}

/**
 * @param {string} user
 * @param {Identity | null} before null on first contact, when nothing is news
 * @param {Identity} after
 * @returns {TrustEvent[]}
 */
function differences(user, before, after) {
  if (before === null || equal(before.list.hash, after.list.hash)) return [];
  const added = [...after.devices.keys()].filter((device) => !before.devices.has(device));
  const removed = [...before.devices.keys()].filter((device) => !after.devices.has(device));
  return [
    ...added.map((device) => /** @type {const} */ ({ kind: "new-device", user, device })),
    ...removed.map((device) => /** @type {const} */ ({ kind: "removed-device", user, device })),
  ];
}
