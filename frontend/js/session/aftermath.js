/** What a page of a room's log brings about, once it has been taken in and stored. */

import { heartbeat } from "./control.js";

/** @import { Gossip } from "./gossip.js" */
/** @import { Healer } from "./healer.js" */
/** @import { Core } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Aftermath } from "./page.js" */
/** @import { Receipts } from "./receipts.js" */
/** @import { Timeline } from "./timeline.js" */
/** @import { Trust } from "./trust.js" */
/** @import { Typing } from "./typing.js" */

const TYPED = ["text", "files"];

/**
 * @param {Core} core
 * @param {{ timeline: Timeline, typing: Typing, outbox: Outbox, receipts: Receipts, healer: Healer,
 *   trust: Trust, gossip: Gossip, onPeople: () => void }} parts
 */
export function createAftermath({ log }, parts) {
  const { timeline, typing, outbox, receipts, healer, trust, gossip } = parts;
  return Object.freeze({
    /**
     * @param {string} room
     * @param {Aftermath} page
     */
    async carryOut(room, page) {
      timeline.show(room, page.rows, page.removed);
      if (page.rows.some(({ kind, mine }) => !mine && TYPED.includes(kind)))
        typing.hear(room, false);
      for (const { key, ...acceptance } of page.settled) await outbox.seen(key, acceptance);
      receipts.touch(room);
      if (page.wantsRetry) healer.touch();
      if (page.needsHeartbeat) await outbox.tell(room, heartbeat());
      for (const request of page.retries) await healer.answer(room, request);
      if (page.trust.length > 0) {
        const said = page.trust.map(({ user, account_key: accountKey, verified }) => {
          return { user, accountKey, verified };
        });
        await trust.adopt(said);
        parts.onPeople();
      }
      for (const said of page.gossip) {
        await gossip.hear(said).catch((error) => log.warn("gossip.failed", { error }));
      }
    },
  });
}
