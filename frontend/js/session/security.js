/** What needs the password again: its change, a new recovery code, the removal of a device. */

import { fromBase64url } from "../lib/bytes.js";
import { AppError } from "../lib/errors.js";
import { findEntry, issueDeviceList } from "../crypto/device-list.js";
import {
  dumpRecoveryCode,
  makeRecoverySecret,
  parseRecoveryCode,
} from "../crypto/recovery-code.js";
import * as bodies from "../protocol/bodies.js";
import { readBackup, deriveForLogin } from "./account.js";
import {
  closeBackup,
  openWithPassword,
  openWithRecovery,
  parseKdf,
  passwordWrap,
  sealBackup,
  wrapForPassword,
  wrapForRecovery,
} from "./backup.js";
import { dumpList, revoked } from "./enrolment.js";
import { saveRecord } from "./local-account.js";
import { chooseSecret, stretchPassword, verifierOf } from "./password-secret.js";

/** @import { Backup } from "../protocol/bodies.js" */
/** @import { OpenBackup } from "./backup.js" */
/** @import { LocalAccount } from "./local-account.js" */
/** @import { Core } from "./model.js" */
/** @import { StartArgon2 } from "./password-secret.js" */
/** @import { Trust } from "./trust.js" */
/** @import { DeviceItem } from "./types.js" */

/** @typedef {ReturnType<typeof createSecurity>} Security */

/**
 * @param {Core} core
 * @param {{ local: LocalAccount, trust: Trust, startArgon2: StartArgon2 }} parts
 */
export function createSecurity(core, { local, trust, startArgon2 }) {
  const { api, db, own } = core;
  const { email, displayName } = core.account;

  /**
   * @param {string} password
   * @returns {Promise<{ backup: Backup, open: OpenBackup }>}
   */
  const openBackup = async (password) => {
    const backup = await readBackup(api);
    const wrap = backup && passwordWrap(backup);
    if (backup === null || wrap === null) throw new AppError("wrong_password");
    const params = parseKdf(wrap.kdf);
    const typed = await stretchPassword(startArgon2, { email, password, salt: wrap.salt, params });
    return { backup, open: await openWithPassword(backup, own.user, typed.secret) };
  };

  return Object.freeze({
    /**
     * After a reset by mail the old password opens nothing; with the recovery code the new one does again.
     *
     * Throws: AppError("bad_recovery_code"), AppError("bad_credentials").
     * @param {{ oldPassword: string, newPassword: string, recoveryCode?: string }} form
     */
    async changePassword({ oldPassword, newPassword, recoveryCode }) {
      const recovery = recoveryCode === undefined ? null : await parseRecoveryCode(recoveryCode);
      const before = await deriveForLogin({ api, startArgon2 }, email, oldPassword);
      const after = await chooseSecret(startArgon2, { email, password: newPassword, displayName });
      const backup = await readBackup(api);
      if (backup === null) throw new AppError("not_found", "backup");
      const open = await openWithPassword(backup, own.user, before.secret).catch((error) => {
        if (!(error instanceof AppError) || error.code !== "wrong_password") throw error;
        return recovery && openWithRecovery(backup, own.user, recovery);
      });
      const others = backup.wraps.filter(({ method }) => method !== "password");
      const next =
        open === null
          ? { ...backup, version: backup.version + 1, wraps: others }
          : await sealBackup(open, own.user, {
              version: backup.version,
              wraps: [await wrapForPassword(open, own.user, after.secret), ...others],
              trust: trust.statements(),
            });
      if (open !== null) closeBackup(open);
      const { salt, kdf, auth_key: authKey } = verifierOf(after);
      const proof = { auth_key: before.authKey, new_salt: salt, new_kdf: kdf };
      const body = { ...proof, new_auth_key: authKey, backup: next };
      await api.call("POST", "/api/auth/change-password", bodies.empty, body);
      await saveRecord(db, local, { passwordOpensBackup: open !== null });
    },

    /**
     * @param {{ password: string }} form
     * @returns {Promise<{ recoveryCode: string }>}
     */
    async newRecoveryCode({ password }) {
      const { backup, open } = await openBackup(password);
      const secret = makeRecoverySecret();
      const others = backup.wraps.filter(({ method }) => method !== "recovery");
      const wraps = [...others, await wrapForRecovery(open, own.user, secret)];
      const { version } = backup;
      const next = await sealBackup(open, own.user, { version, wraps, trust: trust.statements() });
      closeBackup(open);
      await api.call("PUT", "/api/e2ee/backup", bodies.backup, next);
      return { recoveryCode: await dumpRecoveryCode(secret) };
    },

    /** @returns {Promise<{ devices: DeviceItem[] }>} */
    async devices() {
      const [{ logins }, pin] = await Promise.all([
        api.call("GET", "/api/auth/logins", bodies.loginList),
        trust.refresh(own.user),
      ]);
      const devices = [...pin.trusted.devices].map(([deviceId, certificate]) => {
        const used = logins.filter(({ device_id: id }) => id === deviceId);
        const login = used.sort((a, b) => b.last_used_ms - a.last_used_ms)[0];
        return {
          deviceId,
          name: login?.device.name ?? "",
          platform: login?.device.platform ?? "",
          addedMs: certificate.createdAtMs,
          lastUsedMs: login?.last_used_ms ?? null,
          current: deviceId === own.device,
          signedIn: login !== undefined,
        };
      });
      return { devices };
    },

    /**
     * Take a device out of the account: nobody seals to it any more, and its log-ins end.
     * @param {{ deviceId: string, password: string }} form
     */
    async removeDevice({ deviceId, password }) {
      const { open } = await openBackup(password);
      const { trusted } = await trust.refresh(own.user);
      const entry = findEntry(trusted.list, fromBase64url(deviceId, 16));
      if (entry === undefined) throw new AppError("not_found", "device");
      const nowMs = core.serverNowMs();
      const entries = trusted.list.entries.map((old) =>
        old === entry ? revoked(old, nowMs) : old,
      );
      const change = { userId: own.userId, previous: trusted.list, entries, issuedAtMs: nowMs };
      const signed = await issueDeviceList(change, open.account.privateKey);
      closeBackup(open);
      await api.call("PUT", "/api/e2ee/devlist", bodies.signedList, dumpList(signed));
      await trust.refresh(own.user);
    },
  });
}
