/**
 * The engine: account screens before there is a device, a profile after; one for all tabs of a browser.
 *
 *     none ─signUp, logIn─▶ … ─▶ profile open ─logOut, revoked─▶ none | expired
 */

import { AppError } from "../lib/errors.js";
import { createApi } from "../net/api.js";
import { empty } from "../protocol/bodies.js";
import { deleteDatabase, hasDatabase, openDatabase } from "../storage/db.js";
import { estimateStrength, makePassphrase } from "../crypto/passphrase.js";
import { createAccountScreens, isLoggedIn } from "./account.js";
import { CALLS } from "./calls.js";
import { finishEnrolment } from "./enrolment.js";
import { loadLocalAccount, loadOwnDevice } from "./local-account.js";
import { findMissing } from "./probe.js";
import { openProfile } from "./profile.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { Log } from "../lib/log.js" */
/** @import { Locks } from "../net/api.js" */
/** @import { Fetch } from "../net/exchange.js" */
/** @import { Database } from "../storage/db.js" */
/** @import { Scratch } from "../storage/scratch.js" */
/** @import { CallContext, ProfileCall } from "./calls.js" */
/** @import { LocalAccount } from "./local-account.js" */
/** @import { Core } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { Profile } from "./profile.js" */
/** @import { Boot, EngineCalls, EngineEvents } from "./types.js" */

const LOGIN_CHECK_MS = 3_000; // how long a start waits for the server before it goes on off-line

/**
 * Everything an engine needs of the world; tests give it another one.
 * @typedef {object} World
 * @property {IDBFactory} indexedDB
 * @property {Locks} locks
 * @property {Fetch} fetch
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {string} origin
 * @property {Clock} clock
 * @property {Log} log
 * @property {StartArgon2} startArgon2
 * @property {Scratch} scratch
 * @property {number} keptBytes of files, beside those that are needed
 * @property {() => boolean} isOnline
 * @property {() => number} random
 * @property {string} deviceName
 * @property {(database: Database) => Database} [wrapDatabase] tests break writes with it
 */

/** @typedef {Awaited<ReturnType<typeof createEngine>>} Engine */

/**
 * @param {World} world
 * @param {Core["emit"]} emit
 */
export async function createEngine(world, emit) {
  const { clock, log } = world;
  const api = createApi(world);
  /** @type {Database | null} */
  let db = null;
  /** @type {LocalAccount | null} */
  let local = null;
  /** @type {Profile | null} */
  let profile = null;
  /** @type {Promise<Boot> | null} */
  let booting = null;
  let closed = false;

  const openDb = async () => {
    if (db !== null) return db;
    const opened = await openDatabase(world.indexedDB);
    db = world.wrapDatabase?.(opened) ?? opened;
    return db;
  };
  const requireDb = () => {
    if (db === null) throw new AppError("storage_failed", "closed");
    return db;
  };

  const wipe = async () => {
    profile?.stop();
    profile = null;
    local = null;
    db?.close();
    db = null;
    await deleteDatabase(world.indexedDB);
    await world.scratch.sweep();
  };

  /** @param {EngineEvents["signedOut"]["reason"]} reason */
  const signOut = async (reason) => {
    profile?.stop();
    profile = null;
    booting = null;
    api.forget();
    // A device that is out of the account has nothing to come back to.
    if (reason === "device_removed") await wipe();
    emit("signedOut", { reason });
  };

  const open = async () => {
    if (profile !== null || local === null) return;
    const own = await loadOwnDevice(requireDb(), local);
    if (own === null) throw new AppError("storage_failed", "device keys");
    profile = await openProfile(
      {
        clock,
        log,
        api,
        emit,
        db: requireDb(),
        startArgon2: world.startArgon2,
        scratch: world.scratch,
        keptBytes: world.keptBytes,
        socket: {
          url: `${world.origin.replace(/^http/, "ws")}/ws`,
          WebSocket: world.WebSocket,
          clock,
          random: world.random,
          isOnline: world.isOnline,
        },
        onSignedOut: (reason) => void signOut(reason),
      },
      local,
      own,
    );
    profile.start();
    await profile.emitAll();
  };

  const screens = createAccountScreens({
    api,
    clock,
    startArgon2: world.startArgon2,
    label: { name: world.deviceName, platform: "web" },
    db: requireDb,
    openDb,
    local: () => local,
    setLocal: (next) => {
      local = next;
    },
    wipe,
    open,
  });

  /** @returns {Promise<Boot>} */
  const start = async () => {
    const { indexedDB, locks } = world;
    const reason = await findMissing({ indexedDB, locks, subtle: globalThis.crypto?.subtle });
    if (reason !== null) return { phase: "unsupported", reason };
    // Whoever only looks at the welcome screen gets no database.
    if (!(await hasDatabase(indexedDB))) return { phase: "welcome" };
    local = await loadLocalAccount(await openDb());
    if (local === null) return { phase: "welcome" };
    const { record } = local;
    const known = await Promise.race([
      isLoggedIn(api),
      clock.sleep(LOGIN_CHECK_MS).then(() => true),
    ]);
    if (!known) return { phase: "expired", email: record.email };
    if (record.phase === "unlock") await finishEnrolment({ api, db: requireDb() }, local);
    if (record.phase === "unlock") return { phase: "unlock", email: record.email };
    if (record.phase === "recovery" && record.recoveryCode !== null) {
      return { phase: "recovery", recoveryCode: record.recoveryCode };
    }
    await open();
    return { phase: "ready" };
  };

  /** @returns {Promise<Boot>} */
  const boot = async () => {
    if (profile !== null) {
      await profile.emitAll();
      return { phase: "ready" };
    }
    booting ??= start().finally(() => {
      booting = null;
    });
    return booting;
  };

  /** @param {EngineCalls["logOut"][0]} options */
  const logOut = async ({ everywhere }) => {
    const path = everywhere ? "/api/auth/logout-all" : "/api/auth/logout";
    profile?.stop();
    await api.call("POST", path, empty).catch((error) => {
      // Whoever logs out off-line still wants this browser empty; the log-in runs out by itself.
      log.warn("logout.failed", { error });
    });
    await wipe();
    api.forget();
    emit("signedOut", { reason: "logged_out" });
    return {};
  };

  const own = Object.freeze({
    boot,
    logOut,
    /** @param {EngineCalls["passwordStrength"][0]} form */
    passwordStrength: async ({ password, email = "", displayName = "" }) =>
      estimateStrength(
        password,
        [email, displayName].filter((text) => text !== ""),
      ),
    suggestPassphrase: async () => ({ passphrase: makePassphrase() }),
    ...screens,
  });

  return Object.freeze({
    /**
     * @param {string} name
     * @param {any} argument of the call named; the page's types guarantee it, and nobody else calls
     * @param {CallContext} context
     * @returns {Promise<unknown>}
     */
    async call(name, argument, context) {
      if (closed) throw new AppError("unavailable");
      if (name !== "boot" && booting !== null) await booting;
      if (Object.hasOwn(own, name)) {
        return own[/** @type {keyof typeof own} */ (name)](argument);
      }
      if (!Object.hasOwn(CALLS, name)) throw new AppError("unsupported", name);
      if (profile === null) throw new AppError("unauthenticated");
      return CALLS[/** @type {ProfileCall} */ (name)](profile, argument, context);
    },
    /** The network is back, or the page is looked at. */
    wake: () => profile?.wake(),
    /** The network is gone. */
    lost: () => profile?.lost(),
    /** For tests: wait until nothing is being taken in. */
    settled: async () => profile?.inbox.settled(),
    close() {
      closed = true;
      profile?.stop();
      db?.close();
    },
  });
}
