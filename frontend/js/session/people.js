/** Everyone this account has to do with: contacts, requests, blocked, and who they are. */

import { AppError } from "../lib/errors.js";
import * as bodies from "../protocol/bodies.js";
import { isRefused } from "../protocol/errors.js";
import { putSetting, readSetting } from "../storage/settings.js";

/** @import { Person as WirePerson } from "../protocol/bodies.js" */
/** @import { Core } from "./model.js" */
/** @import { Trust } from "./trust.js" */
/** @import { Invite, People as PeopleSlice, Person } from "./types.js" */

const SETTING = "people";
const FRIEND_CODE = /^[0-9a-f]{12}$/;

/** @typedef {{ displayName: string, friendCode: string, relation: Person["relation"], createdMs: number }} Known */
/** @typedef {{ status: Person["presence"], lastSeenMs: number | null }} Presence */
/** @typedef {{ people: Record<string, Known>, invites: Invite[] }} Snapshot */

/**
 * @typedef {object} People
 * @property {() => Promise<void>} load what was last seen, for a start without a network
 * @property {() => Promise<void>} refresh
 * @property {(user: string) => Promise<void>} refreshPerson name and code of one person
 * @property {(user: string) => Person}  person also of someone who is only in a room with us
 * @property {(user: string) => boolean} isKnown
 * @property {(user: string, presence: Presence) => void} setPresence
 * @property {() => void} forgetPresence nobody is known to be on-line without a connection
 * @property {() => PeopleSlice} slice
 * @property {(query: string) => Promise<{ kind: "code" | "email" }>} add
 * @property {(user: string) => Promise<void>} accept
 * @property {(user: string) => Promise<void>} remove
 * @property {(email: string) => Promise<void>} withdraw
 * @property {(user: string, on: boolean) => Promise<void>} setBlocked
 */

/**
 * @param {Core} core
 * @param {Trust} trust
 * @param {() => void} onChange
 * @returns {People}
 */
export function createPeople(core, trust, onChange) {
  const { api, db, vault } = core;
  /** @type {Snapshot} */
  let known = { people: {}, invites: [] };
  /** @type {Map<string, Presence>} */
  const presences = new Map();

  /** @param {Snapshot} next */
  const keep = async (next) => {
    known = next;
    await db.commit([
      putSetting({ id: SETTING, sealed: await vault.seal("setting", SETTING, next) }),
    ]);
    onChange();
  };

  const refresh = async () => {
    const { contacts, invites, blocked } = await api.call(
      "GET",
      "/api/contacts",
      bodies.contactList,
    );
    /** @type {Record<string, Known>} */
    const people = {};
    for (const [user, person] of Object.entries(known.people)) {
      people[user] = { ...person, relation: "none" };
    }
    for (const { user, state, created_ms: createdMs } of contacts) {
      people[user.id] = { ...nameOf(user), relation: state, createdMs };
    }
    for (const user of blocked) {
      people[user.id] = { ...nameOf(user), relation: "blocked", createdMs: 0 };
    }
    const sent = invites.map(({ email, created_ms: createdMs }) => ({ email, createdMs }));
    await keep({ people, invites: sent });
  };

  /**
   * @param {string} user
   * @returns {Person}
   */
  const person = (user) => {
    const stranger = { displayName: "", friendCode: "", relation: /** @type {const} */ ("none") };
    const presence = presences.get(user) ?? { status: "offline", lastSeenMs: null };
    return {
      id: user,
      ...(known.people[user] ?? { ...stranger, createdMs: 0 }),
      identity: trust.stateOf(user),
      presence: presence.status,
      lastSeenMs: presence.lastSeenMs,
    };
  };

  /**
   * @param {() => Promise<unknown>} act
   */
  const then = async (act) => {
    await act();
    await refresh();
  };

  return Object.freeze({
    async load() {
      const row = await readSetting(db, SETTING);
      if (row !== undefined) known = await vault.open("setting", SETTING, row.sealed);
    },
    refresh,
    async refreshPerson(user) {
      try {
        const answer = await api.call("GET", `/api/users/${user}`, bodies.person);
        const before = known.people[user] ?? { relation: "none", createdMs: 0 };
        const next = { ...before, ...nameOf(answer) };
        await keep({ ...known, people: { ...known.people, [user]: next } });
      } catch (error) {
        // Somebody we no longer have anything to do with keeps the name we knew.
        if (!isRefused(error, "not_found")) throw error;
      }
    },
    person,
    isKnown: (user) => known.people[user] !== undefined,
    setPresence(user, presence) {
      presences.set(user, presence);
      onChange();
    },
    forgetPresence() {
      for (const [user, presence] of presences)
        presences.set(user, { ...presence, status: "offline" });
      onChange();
    },
    slice() {
      const people = Object.keys(known.people).map(person);
      return {
        people: people.filter(({ relation }) => relation !== "none"),
        invites: known.invites,
      };
    },
    async add(query) {
      const text = query.trim().toLowerCase();
      if (text === "") throw new AppError("empty");
      const code = text.replaceAll(/[\s-]/g, "");
      const isCode = FRIEND_CODE.test(code);
      const body = isCode ? { friend_code: code } : { email: text };
      await then(() => api.call("POST", "/api/contacts", bodies.empty, body));
      return { kind: isCode ? "code" : "email" };
    },
    accept: (user) => then(() => api.call("POST", `/api/contacts/${user}/accept`, bodies.contact)),
    remove: (user) => then(() => api.call("DELETE", `/api/contacts/${user}`, bodies.empty)),
    withdraw: (email) =>
      then(() => api.call("POST", "/api/contacts/withdraw", bodies.empty, { email })),
    setBlocked: (user, on) =>
      then(() => api.call(on ? "PUT" : "DELETE", `/api/blocks/${user}`, bodies.empty)),
  });
}

/** @param {WirePerson} person */
function nameOf({ display_name: displayName, friend_code: friendCode }) {
  return { displayName, friendCode };
}
