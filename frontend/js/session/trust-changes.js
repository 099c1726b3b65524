/**
 * What follows when devices or the identity of a person have changed: sessions end, what waits is held back,
 * the conversation says so, and own devices tell each other what was compared.
 */

import { shareTrust } from "./control.js";
import { peerName } from "./sessions.js";

/** @import { Core } from "./model.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Rooms } from "./rooms.js" */
/** @import { Sessions } from "./sessions.js" */
/** @import { Timeline } from "./timeline.js" */
/** @import { Trust, TrustEvent } from "./trust.js" */

/** @typedef {ReturnType<typeof createTrustChanges>} TrustChanges */

/**
 * @param {Core} core
 * @param {{ trust: Trust, sessions: Sessions, rooms: Rooms, outbox: Outbox, timeline: Timeline,
 *   onPeople: () => void }} parts
 */
export function createTrustChanges(core, parts) {
  const { trust, sessions, rooms, outbox, timeline } = parts;
  const { db, own } = core;

  /** @param {readonly string[]} peers devices, as sessions name them */
  const dropSessions = (peers) =>
    core.mutex.run(async () => {
      for (const peer of peers) await db.commit(await sessions.dropPeer(peer));
    });

  /**
   * Tell own other devices which numbers were compared, in the room with the person it is about.
   * @param {ReturnType<Trust["statements"]>} statements
   */
  const shareWithOwn = async (statements) => {
    const pin = await trust.ensure(own.user);
    const others = [...pin.trusted.devices.keys()].filter((device) => device !== own.device);
    if (others.length === 0) return;
    const peers = others.map((device) => peerName(own.user, device));
    for (const statement of statements) {
      const room = rooms.withPeer(statement.user);
      if (room !== undefined) await outbox.tell(room.id, shareTrust(peers, [statement]));
    }
  };

  return Object.freeze({
    dropSessions,
    shareWithOwn,
    /** @param {TrustEvent} event */
    async hear(event) {
      const { user } = event;
      const isOwn = user === own.user;
      if (event.kind === "removed-device") await dropSessions([peerName(user, event.device)]);
      if (event.kind === "new-device" && isOwn) {
        core.emit("notice", { kind: "info", text: "notice.own-device", params: {} });
        await shareWithOwn(trust.statements().filter(({ verified }) => verified));
      }
      if (event.kind === "new-device" && !isOwn) await timeline.say(user, "new-device");
      if (event.kind === "list-refused") await timeline.say(user, "hidden-devices");
      if (event.kind === "identity-changed") {
        await outbox.holdBack(user);
        await timeline.say(user, "identity-changed");
      }
      parts.onPeople();
    },
  });
}
