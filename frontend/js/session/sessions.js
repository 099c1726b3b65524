/**
 * Capsules in and out through the ratchet sessions with single devices (SEAL1 §4.4–4.6).
 *
 *     work = sessions.begin() ─▶ work.seal / work.open … ─▶ db.commit([...work.changes(), …]) ─▶ work.done()
 *
 * A unit of work sees its own steps before they are stored, so that one transaction can hold a whole
 * page of messages. Nothing becomes true before `done`; a unit that is dropped leaves no trace. Whoever
 * has one holds the mutex.
 */

import { equal, fromBase64url, toBase64url, wipe } from "../lib/bytes.js";
import { AppError, DecryptError } from "../lib/errors.js";
import { dumpCapsule, parseCapsule } from "../crypto/capsule.js";
import {
  initiateRatchet,
  ratchetDecrypt,
  ratchetEncrypt,
  respondRatchet,
} from "../crypto/ratchet.js";
import { chooseSuite, initiateAgreement, respondAgreement } from "../crypto/x3dh.js";
import { readPreKey, removePreKey } from "../storage/prekeys.js";
import {
  isSessionSeen,
  putSeenSession,
  readAllSessions,
  readSessions,
  removeSession,
} from "../storage/sessions.js";
import { dumpPre, openSessionRow, parsePre, rowId, storeSession } from "./session-rows.js";
import {
  acceptReset,
  acceptSession,
  afterReceipt,
  beginSession,
  replaceSession,
  sendingSession,
} from "./session-rules.js";

/** @import { Bytes } from "../lib/bytes.js" */
/** @import { Capsule, DeviceCertificate, OneTimePreKey, PreHeader, SignedPreKey } from "../crypto/types.js" */
/** @import { AddressedCapsule, Capsule as WireCapsule } from "../protocol/frames.js" */
/** @import { Change } from "../storage/db.js" */
/** @import { SessionRow } from "../storage/sessions.js" */
/** @import { Core } from "./model.js" */
/** @import { Session } from "./session-rules.js" */

/** @typedef {{ user: string, device: string, certificate: DeviceCertificate }} PeerDevice */
/** @typedef {{ signedPreKey: SignedPreKey, oneTimePreKey: OneTimePreKey | null }} PreKeyBundle verified */
/**
 * @typedef {object} OpenedCapsule
 * @property {Capsule} capsule
 * @property {boolean} needsAnswer the session was begun without a one-time prekey: answer at once, so
 *   that its keys stop depending on the signed prekey alone
 * @property {number} received messages of the peer in its current chain
 */
/**
 * @typedef {object} Work
 * @property {(peer: string) => Promise<boolean>} canSeal whether a session is there to send on
 * @property {(peer: PeerDevice, capsule: Capsule, bundle: PreKeyBundle | null) => Promise<AddressedCapsule>} seal
 *   on a new session when a bundle is given, otherwise on the one that sends
 * @property {(peer: PeerDevice, sealed: WireCapsule) => Promise<OpenedCapsule>} open throws DecryptError,
 *   and then nothing has changed
 * @property {() => Promise<Change[]>} changes
 * @property {() => void} done the changes have been stored
 */
/**
 * @typedef {object} Sessions
 * @property {() => Work} begin
 * @property {(peer: string) => Promise<Change[]>} dropPeer the removal of all sessions with a device
 * @property {() => Promise<Change[]>} dropAll
 * @property {() => void} forget what is in memory, after somebody else has written
 */

/**
 * @param {string} user
 * @param {string} device
 * @returns {string} how a peer device is named in the stores
 */
export function peerName(user, device) {
  return `${user}/${device}`;
}

/**
 * @param {Core} core
 * @returns {Sessions}
 */
export function createSessions(core) {
  /** @type {Map<string, readonly Session[]>} */
  const cache = new Map();

  /** @param {string} peer */
  const load = async (peer) => {
    const known = cache.get(peer);
    if (known !== undefined) return known;
    const rows = await readSessions(core.db, peer);
    const sessions = await Promise.all(rows.map((row) => openSessionRow(core, row)));
    const readable = sessions.filter((session) => session !== null);
    cache.set(peer, readable);
    return readable;
  };

  /** @param {readonly SessionRow[]} rows */
  const removals = (rows) => rows.map(({ id }) => removeSession(id));

  return Object.freeze({
    begin: () => beginWork(core, load, cache),
    async dropPeer(peer) {
      cache.delete(peer);
      return removals(await readSessions(core.db, peer));
    },
    async dropAll() {
      cache.clear();
      return removals(await readAllSessions(core.db));
    },
    forget: () => cache.clear(),
  });
}

/**
 * @param {Core} core
 * @param {(peer: string) => Promise<readonly Session[]>} load
 * @param {Map<string, readonly Session[]>} cache
 * @returns {Work}
 */
function beginWork(core, load, cache) {
  /** @type {Map<string, readonly Session[]>} */
  const next = new Map();
  /** @type {Set<number>} one-time prekeys used up in this unit */
  const spent = new Set();
  /** @type {Map<string, number>} sessions answered in this unit, with their signed prekey */
  const answered = new Map();

  /** @param {string} peer */
  const sessionsOf = async (peer) => next.get(peer) ?? (await load(peer));

  /**
   * @param {PeerDevice} peer
   * @param {WireCapsule} sealed
   */
  const answer = async (peer, sealed) => {
    if (sealed.pre === undefined) throw new DecryptError("no-session");
    if (answered.has(sealed.sid) || (await isSessionSeen(core.db, sealed.sid))) {
      // Played again by the server; unless there is no session with that device at all, which means
      // that ours were lost, and dropping what comes would lose messages without a word.
      const sessions = await sessionsOf(peerName(peer.user, peer.device));
      throw new DecryptError(sessions.length > 0 ? "duplicate" : "no-session");
    }
    const pre = parsePre(sealed.pre);
    if (pre.oneTimePreKeyId !== null && spent.has(pre.oneTimePreKeyId)) {
      throw new DecryptError("no-session");
    }
    return { session: await respond(core, peer, pre, sealed.sid), pre };
  };

  return Object.freeze({
    async canSeal(peer) {
      return sendingSession(await sessionsOf(peer)) !== undefined;
    },
    async seal(peer, capsule, bundle) {
      const name = peerName(peer.user, peer.device);
      let sessions = await sessionsOf(name);
      if (bundle !== null) {
        const begun = await initiate(core, peer, bundle);
        sessions = beginSession(sessions, begun, core.clock.nowMs());
      }
      const session = sendingSession(sessions);
      if (session === undefined) throw new AppError("no_session");
      const bytes = dumpCapsule(capsule);
      const { state, header, ciphertext } = await ratchetEncrypt(session.ratchet, bytes);
      wipe(bytes);
      next.set(name, replaceSession(sessions, { ...session, ratchet: state }));
      return addressCapsule(peer, session, header, ciphertext);
    },
    async open(peer, sealed) {
      const name = peerName(peer.user, peer.device);
      const sid = fromBase64url(sealed.sid, 16);
      const sessions = await sessionsOf(name);
      const known = sessions.find((session) => equal(session.id, sid));
      const fresh = known === undefined ? await answer(peer, sealed) : null;
      const session = known ?? /** @type {NonNullable<typeof fresh>} */ (fresh).session;
      const nowMs = core.clock.nowMs();
      const header = fromBase64url(sealed.header);
      const ciphertext = fromBase64url(sealed.ciphertext);
      const opened = await ratchetDecrypt(session.ratchet, header, ciphertext, nowMs);
      const capsule = parseCapsule(opened.plaintext);
      wipe(opened.plaintext);
      const advanced = { ...session, ratchet: opened.state };
      if (fresh === null) {
        next.set(name, afterReceipt(sessions, advanced, capsule.sentAtMs, nowMs));
      } else {
        const first = { ...advanced, lastPeerSentAtMs: capsule.sentAtMs };
        const accept = capsule.kind === "reset" ? acceptReset : acceptSession;
        next.set(name, accept(sessions, first, nowMs));
        answered.set(sealed.sid, fresh.pre.signedPreKeyId);
        if (fresh.pre.oneTimePreKeyId !== null) spent.add(fresh.pre.oneTimePreKeyId);
      }
      return {
        capsule,
        needsAnswer: fresh !== null && fresh.pre.oneTimePreKeyId === null,
        received: opened.state.receiveCount,
      };
    },
    async changes() {
      /** @type {Change[]} */
      const changes = [...spent].map((id) => removePreKey("one_time_prekeys", id));
      for (const [sid, prekey] of answered) changes.push(putSeenSession(sid, prekey));
      for (const [peer, sessions] of next) {
        const before = await load(peer);
        const kept = await Promise.all(
          sessions.map((session) => storeSession(core, peer, session, before)),
        );
        const gone = before.filter((old) => !sessions.some(({ id }) => equal(id, old.id)));
        changes.push(...gone.map(({ id }) => removeSession(rowId(peer, toBase64url(id)))));
        changes.push(...kept.flatMap(({ change }) => (change === null ? [] : [change])));
        next.set(
          peer,
          kept.map(({ session }) => session),
        );
      }
      return changes;
    },
    done() {
      for (const [peer, sessions] of next) cache.set(peer, sessions);
    },
  });
}

/**
 * X3DH as the one who begins.
 * @param {Core} core
 * @param {PeerDevice} peer
 * @param {PreKeyBundle} bundle
 * @returns {Promise<Session>}
 */
async function initiate({ own }, { certificate }, { signedPreKey, oneTimePreKey }) {
  const agreement = await initiateAgreement({
    own: own.certificate,
    ownAgreementPrivateKey: own.agreementKey,
    peer: certificate,
    signedPreKey,
    oneTimePreKey,
    suite: chooseSuite(own.certificate.suites, certificate.suites),
  });
  return {
    id: agreement.sessionId,
    status: "pending",
    ephemeralKey: agreement.pre.ephemeralKey,
    pre: agreement.pre,
    isFinal: false,
    lastPeerSentAtMs: 0,
    staleSinceMs: 0,
    ratchet: await initiateRatchet(agreement, signedPreKey.publicKey),
    version: 0,
  };
}

/**
 * X3DH as the one who answers; nothing is stored or deleted here.
 * @param {Core} core
 * @param {PeerDevice} peer
 * @param {PreHeader} pre
 * @param {string} sid
 * @returns {Promise<Session>}
 */
async function respond({ db, own }, { certificate }, pre, sid) {
  if (!equal(pre.certHash, certificate.certHash)) throw new DecryptError("bad-signature");
  const signedPreKey = await readPreKey(db, "signed_prekeys", pre.signedPreKeyId);
  const oneTimeId = pre.oneTimePreKeyId;
  const oneTimePreKey =
    oneTimeId === null ? null : await readPreKey(db, "one_time_prekeys", oneTimeId);
  if (signedPreKey === undefined || oneTimePreKey === undefined) {
    throw new DecryptError("no-session");
  }
  const agreement = await respondAgreement({
    own: own.certificate,
    ownAgreementPrivateKey: own.agreementKey,
    peer: certificate,
    pre,
    signedPreKey,
    oneTimePreKey,
  });
  if (toBase64url(agreement.sessionId) !== sid) throw new DecryptError("auth-failed");
  return {
    id: agreement.sessionId,
    status: "active",
    ephemeralKey: pre.ephemeralKey,
    pre: null,
    isFinal: false,
    lastPeerSentAtMs: 0,
    staleSinceMs: 0,
    ratchet: respondRatchet(agreement, signedPreKey),
    version: 0,
  };
}

/**
 * @param {PeerDevice} peer
 * @param {Session} session
 * @param {Bytes} header
 * @param {Bytes} ciphertext
 * @returns {AddressedCapsule}
 */
function addressCapsule({ user, device }, { id, pre }, header, ciphertext) {
  const wire = { header: toBase64url(header), ciphertext: toBase64url(ciphertext) };
  const begin = pre === null ? {} : { pre: dumpPre(pre) };
  return /** @type {AddressedCapsule} */ ({
    user,
    device,
    sid: toBase64url(id),
    ...begin,
    ...wire,
  });
}
