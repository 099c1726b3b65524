/**
 * The account screens: sign-up, log-in, code, recovery code, unlock, reset.
 *
 *     signUp ──▶ code ──▶ recovery ──▶ ready            a new account: keys are made, the code is shown
 *     logIn ──▶ (code) ──▶ ready                        keys are here, or the password opens the backup
 *                     └──▶ unlock ──▶ ready | recovery  it does not: recovery code, or a new identity
 *     forgotPassword ──▶ code ──▶ as after logIn
 *
 * What one screen must remember for the next is in memory and never the password. A reload in between
 * is survived from the moment a log-in exists.
 */

import { AppError } from "../lib/errors.js";
import { isLoginOver } from "../net/api.js";
import { exportAccountKey, generateAccountKey } from "../crypto/identity.js";
import { normaliseEmail } from "../crypto/password.js";
import {
  dumpRecoveryCode,
  makeRecoverySecret,
  parseRecoveryCode,
} from "../crypto/recovery-code.js";
import * as bodies from "../protocol/bodies.js";
import { isRefused } from "../protocol/errors.js";
import { CODE_RESEND_MS } from "../protocol/limits.js";
import {
  closeBackup,
  newBackup,
  openWithPassword,
  openWithRecovery,
  parseKdf,
  sealBackup,
  wrapForPassword,
  wrapForRecovery,
} from "./backup.js";
import { enrol, ownDirectory, rejoin } from "./enrolment.js";
import { createLocalAccount, profileOf, saveRecord } from "./local-account.js";
import { chooseSecret, stretchPassword, verifierOf } from "./password-secret.js";
import { foretoldChange } from "./trust.js";

/** @import { Clock } from "../lib/clock.js" */
/** @import { Api } from "../net/api.js" */
/** @import { Backup, Session } from "../protocol/bodies.js" */
/** @import { Database } from "../storage/db.js" */
/** @import { OpenBackup } from "./backup.js" */
/** @import { LocalAccount } from "./local-account.js" */
/** @import { StartArgon2, TypedPassword } from "./password-secret.js" */
/** @import { Step } from "./types.js" */

/**
 * What the screens need of the engine.
 * @typedef {object} Host
 * @property {Api} api
 * @property {Clock} clock
 * @property {StartArgon2} startArgon2
 * @property {{ name: string, platform: "web" }} label how the person will know this browser
 * @property {() => Database} db
 * @property {() => Promise<Database>} openDb make it, if there is none
 * @property {() => LocalAccount | null} local
 * @property {(local: LocalAccount) => void} setLocal
 * @property {() => Promise<void>} wipe the database and what was read from it
 * @property {() => Promise<void>} open start the engine of an enrolled device
 */

/** @typedef {{ purpose: "verify" | "login" | "reset", email: string, ticket: string,
 *   typed: TypedPassword | null, displayName: string }} Attempt between the address and the code */

/** @typedef {ReturnType<typeof createAccountScreens>} AccountScreens */

/**
 * @param {Host} host
 */
export function createAccountScreens(host) {
  const { api, clock, startArgon2 } = host;
  /** @type {Attempt | null} */
  let attempt = null;
  /** @type {TypedPassword | null} for wrapping the backup anew once it is open */
  let typed = null;

  const requireAttempt = () => {
    if (attempt === null) throw new AppError("code_expired");
    return attempt;
  };
  const requireLocal = () => {
    const local = host.local();
    if (local === null) throw new AppError("unauthenticated");
    return local;
  };
  /** @returns {Step} */
  const askCode = () => ({ step: "code", resendAfterMs: CODE_RESEND_MS });

  /**
   * @param {Session} session
   * @param {TypedPassword | null} password
   * @returns {Promise<Step>}
   */
  const entered = async (session, password) => {
    api.adopt(session);
    attempt = null;
    typed = password;
    const known = host.local();
    if (known !== null && known.user !== session.user.id) await host.wipe();
    const local = host.local() ?? (await createLocalAccount(await host.openDb(), session.user));
    host.setLocal(local);
    await saveRecord(host.db(), local, profileOf(session.user));
    if (local.record.phase === "unlock") return unlock(local);
    const environment = { api, db: host.db(), nowMs: clock.nowMs() };
    if (await rejoin(environment, local)) return resume(local);
    // This device was removed from the account while it was away: it begins anew.
    await host.wipe();
    return entered(session, password);
  };

  /**
   * The keys are here; only the log-in was missing.
   * @param {LocalAccount} local
   * @returns {Promise<Step>}
   */
  const resume = async (local) => {
    const open = await tryPassword(local, await readBackup(api));
    await saveRecord(host.db(), local, { passwordOpensBackup: open !== null });
    if (open !== null) closeBackup(open);
    typed = null;
    return arrive(local);
  };

  /**
   * @param {LocalAccount} local
   * @returns {Promise<Step>}
   */
  const arrive = async (local) => {
    const { phase, recoveryCode } = local.record;
    if (phase === "recovery" && recoveryCode !== null) return { step: "recovery", recoveryCode };
    await host.open();
    return { step: "ready" };
  };

  /**
   * No device yet: make the first one, or become another one.
   * @param {LocalAccount} local
   * @returns {Promise<Step>}
   */
  const unlock = async (local) => {
    const backup = await readBackup(api);
    if (backup === null && (await ownDirectory(api, local.user)) === null) {
      return beginIdentity(local, null);
    }
    const open = await tryPassword(local, backup);
    return open === null ? { step: "unlock" } : join(local, open, true);
  };

  /**
   * @param {LocalAccount} local
   * @param {Backup | null} backup
   * @returns {Promise<OpenBackup | null>} null when the password does not open it
   */
  const tryPassword = async (local, backup) => {
    if (backup === null || typed === null) return null;
    try {
      return await openWithPassword(backup, local.user, typed.secret);
    } catch (error) {
      if (error instanceof AppError && error.code === "wrong_password") return null;
      throw error;
    }
  };

  /**
   * Become a device of an identity that is open.
   * @param {LocalAccount} local
   * @param {OpenBackup} open
   * @param {boolean} passwordOpensBackup
   * @returns {Promise<Step>}
   */
  const join = async (local, open, passwordOpensBackup) => {
    const db = host.db();
    await db.commit([await foretoldChange(local.vault, open.trust)]);
    const environment = { api, db, nowMs: clock.nowMs() };
    const then = /** @type {const} */ ({ phase: "ready", passwordOpensBackup });
    await enrol(environment, local, { account: open.account, backup: null, reset: false, then });
    closeBackup(open);
    typed = null;
    return arrive(local);
  };

  /**
   * A new account key, its backup, and this browser as its first device.
   * @param {LocalAccount} local
   * @param {{ replaces: Backup | null } | null} reset
   * @returns {Promise<Step>}
   */
  const beginIdentity = async (local, reset) => {
    const { privateKey } = await generateAccountKey();
    const open = await newBackup(await exportAccountKey(privateKey));
    const secret = makeRecoverySecret();
    const wraps = [await wrapForRecovery(open, local.user, secret)];
    if (typed !== null) wraps.unshift(await wrapForPassword(open, local.user, typed.secret));
    const version = reset?.replaces?.version ?? 0;
    const backup = await sealBackup(open, local.user, { version, wraps, trust: [] });
    const then = /** @type {const} */ ({
      phase: "recovery",
      recoveryCode: await dumpRecoveryCode(secret),
      passwordOpensBackup: typed !== null,
    });
    const environment = { api, db: host.db(), nowMs: clock.nowMs() };
    const { account } = open;
    await enrol(environment, local, { account, backup, reset: reset !== null, then });
    closeBackup(open);
    typed = null;
    return arrive(local);
  };

  return Object.freeze({
    /**
     * @param {{ email: string, displayName: string, password: string }} form
     * @returns {Promise<Step>}
     */
    async signUp({ email, displayName, password }) {
      const name = displayName.trim();
      const address = normaliseEmail(email);
      const secret = await chooseSecret(startArgon2, { email, password, displayName: name });
      const body = { email: address, display_name: name, ...verifierOf(secret) };
      const path = "/api/auth/register";
      const { ticket } = await api.callPublic("POST", path, bodies.ticketAnswer, body);
      attempt = { purpose: "verify", email: address, ticket, typed: secret, displayName: name };
      return askCode();
    },

    /**
     * @param {{ email: string, password: string }} form
     * @returns {Promise<Step>}
     */
    async logIn({ email, password }) {
      const address = normaliseEmail(email);
      const secret = await deriveForLogin(host, address, password);
      const local = host.local();
      const isKnown = local?.record.email === address && local.record.phase !== "unlock";
      const body = {
        email: address,
        auth_key: secret.authKey,
        device: host.label,
        ...(isKnown ? { device_id: local.device } : {}),
      };
      const answer = await api.callPublic(
        "POST",
        "/api/auth/login",
        bodies.sessionOrNextStep,
        body,
      );
      if (!("next" in answer)) return entered(answer, secret);
      if (answer.next !== "otp") throw new AppError("unsupported", "second factor");
      const { ticket } = answer;
      attempt = { purpose: "login", email: address, ticket, typed: secret, displayName: "" };
      return askCode();
    },

    /** @returns {Promise<{ resendAfterMs: number }>} */
    async resendCode() {
      const { email, purpose, ticket } = requireAttempt();
      const body = { email, purpose, ticket };
      await api.callPublic("POST", "/api/auth/send-otp", bodies.empty, body);
      return { resendAfterMs: CODE_RESEND_MS };
    },

    /**
     * @param {{ code: string }} form
     * @returns {Promise<Step>}
     */
    async submitCode({ code }) {
      const { email, purpose, ticket, typed: secret } = requireAttempt();
      const body = { email, purpose, code: code.replaceAll(/\s/g, ""), ticket, device: host.label };
      const session = await api.callPublic("POST", "/api/auth/verify-otp", bodies.session, body);
      return entered(session, secret);
    },

    /**
     * @param {{ lastGroup: string }} form
     * @returns {Promise<Step>}
     */
    async confirmRecovery({ lastGroup }) {
      const local = requireLocal();
      const expected = local.record.recoveryCode?.split("-").at(-1);
      if (plainGroup(lastGroup) !== expected) throw new AppError("bad_recovery_code");
      await saveRecord(host.db(), local, { phase: "ready", recoveryCode: null });
      return arrive(local);
    },

    /**
     * @param {{ recoveryCode: string }} form
     * @returns {Promise<Step>}
     */
    async unlockWithRecovery({ recoveryCode }) {
      const local = requireLocal();
      const secret = await parseRecoveryCode(recoveryCode);
      const backup = await readBackup(api);
      if (backup === null) throw new AppError("bad_recovery_code");
      const open = await openWithRecovery(backup, local.user, secret);
      const isRewrapped = await rewrap(host, local, { backup, open, typed });
      return join(local, open, isRewrapped);
    },

    /** @returns {Promise<Step>} */
    async startNewIdentity() {
      const local = requireLocal();
      const isReset = (await ownDirectory(api, local.user)) !== null;
      return beginIdentity(local, isReset ? { replaces: await readBackup(api) } : null);
    },

    /**
     * @param {{ email: string }} form
     * @returns {Promise<Step>}
     */
    async forgotPassword({ email }) {
      const address = normaliseEmail(email);
      const path = "/api/auth/forgot-password";
      const { ticket } = await api.callPublic("POST", path, bodies.ticketAnswer, {
        email: address,
      });
      attempt = { purpose: "reset", email: address, ticket, typed: null, displayName: "" };
      return askCode();
    },

    /**
     * @param {{ code: string, password: string }} form
     * @returns {Promise<Step>}
     */
    async resetPassword({ code, password }) {
      const { email, ticket } = requireAttempt();
      const secret = await chooseSecret(startArgon2, { email, password, displayName: "" });
      const proof = { email, ticket, code: code.replaceAll(/\s/g, ""), device: host.label };
      const body = { ...proof, ...verifierOf(secret) };
      const path = "/api/auth/reset-password";
      const session = await api.callPublic("POST", path, bodies.session, body);
      return entered(session, secret);
    },
  });
}

/**
 * @param {Api} api
 * @returns {Promise<Backup | null>}
 */
export async function readBackup(api) {
  try {
    return await api.call("GET", "/api/e2ee/backup", bodies.backup);
  } catch (error) {
    if (isRefused(error, "not_found")) return null;
    throw error;
  }
}

/**
 * Whether the log-in of this browser still holds, asking the server.
 * @param {Api} api
 * @returns {Promise<boolean>} true as well when the server cannot be reached: people read off-line
 */
export async function isLoggedIn(api) {
  try {
    await api.token();
    return true;
  } catch (error) {
    return !isLoginOver(error);
  }
}

/**
 * @param {Pick<Host, "api" | "startArgon2">} host
 * @param {string} email
 * @param {string} password
 * @returns {Promise<TypedPassword>}
 */
export async function deriveForLogin({ api, startArgon2 }, email, password) {
  const answer = await api.callPublic("POST", "/api/auth/prelogin", bodies.preloginAnswer, {
    email,
  });
  const params = parseKdf(answer.kdf);
  return stretchPassword(startArgon2, { email, password, salt: answer.salt, params });
}

/**
 * Put the password of today in front of a backup that was opened with the recovery code.
 * @param {Host} host
 * @param {LocalAccount} local
 * @param {{ backup: Backup, open: OpenBackup, typed: TypedPassword | null }} state
 * @returns {Promise<boolean>} false when nobody has typed a password since this page was loaded
 */
async function rewrap({ api }, local, { backup, open, typed }) {
  if (typed === null) return false;
  const others = backup.wraps.filter(({ method }) => method !== "password");
  const wraps = [await wrapForPassword(open, local.user, typed.secret), ...others];
  const { version } = backup;
  const next = await sealBackup(open, local.user, { version, wraps, trust: open.trust });
  await api.call("PUT", "/api/e2ee/backup", bodies.backup, next);
  return true;
}

/** @param {string} text */
function plainGroup(text) {
  const upper = text.trim().toUpperCase();
  return upper.replaceAll("O", "0").replaceAll(/[IL]/g, "1");
}
