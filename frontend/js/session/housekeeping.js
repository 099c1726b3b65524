/** What is done from time to time, whoever uses the page: what has run out goes, log-in and prekeys stay. */

/** @import { Core } from "./model.js" */
/** @import { OwnPreKeys } from "./own-prekeys.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Transfers } from "./transfers.js" */

const EXPIRY_LOOK_MS = 15_000;
const UPKEEP_MS = 6 * 3_600_000; // prekeys are looked at, and the log-in is kept alive

/**
 * Go on until the end of the profile.
 * @param {Core} core
 * @param {{ rooms: Rooms, transfers: Transfers, prekeys: OwnPreKeys, life: AbortSignal }} parts
 */
export function keepHouse({ api, clock, log, serverNowMs }, { rooms, transfers, prekeys, life }) {
  const forgetExpired = async () => {
    for (const { id, expiresMs } of rooms.all()) {
      if (expiresMs <= serverNowMs()) await rooms.drop(id);
    }
    await transfers.tidy();
  };
  const watchExpiry = async () => {
    while (!life.aborted) {
      await forgetExpired().catch((error) => log.warn("expiry.failed", { error }));
      await clock.sleep(EXPIRY_LOOK_MS, life).catch(() => {});
    }
  };
  const upkeep = async () => {
    while (!life.aborted) {
      await clock.sleep(UPKEEP_MS, life).catch(() => {});
      if (life.aborted) return;
      await api
        .refresh()
        .then(() => prekeys.maintain())
        .catch((error) => log.warn("housekeeping.failed", { error }));
    }
  };
  void watchExpiry();
  void upkeep();
}
