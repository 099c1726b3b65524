/** People for tests: each with browsers, each browser with an engine on a database of its own. */

import "fake-indexeddb/auto";

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";

import { IDBFactory } from "fake-indexeddb";

import { createEngine } from "../../../frontend/js/session/engine.js";
import { systemClock } from "../../../frontend/js/lib/clock.js";
import { createLog } from "../../../frontend/js/lib/log.js";
import { createScratch } from "../../../frontend/js/storage/scratch.js";
import { createLocks } from "./fake-locks.js";

export const PASSWORD = "tall green ladder under the moon";
const PATIENCE_MS = 10_000;

let people = 0;

/** Wait until something is true; what is thrown inside counts as "not yet". */
export async function until(what, condition, patienceMs = PATIENCE_MS) {
  const endMs = Date.now() + patienceMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > endMs) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

/** One browser of a person: survives `reload`, and with `copyDatabase` can be set back. */
export class Device {
  slices = {};
  events = [];
  errors = [];
  /** How many more writes succeed before the browser dies; Infinity normally. */
  writesLeft = Infinity;
  clockOffsetMs = 0;
  /** Of files, beside those that are needed. */
  keptBytes = 1024 ** 3;
  /** Delays are this part of their bound. */
  randomness = 0.02;

  constructor(server, { indexedDB = new IDBFactory(), browser = server.browser() } = {}) {
    this.server = server;
    this.indexedDB = indexedDB;
    this.browser = browser;
    this.locks = createLocks();
  }

  async start() {
    const device = this;
    this.dead = false;
    this.writesLeft = Infinity;
    const log = createLog({
      level: "warn",
      sink: (level, event, fields) => device.errors.push({ level, event, ...fields }),
    });
    this.engine = await createEngine(
      {
        indexedDB: this.indexedDB,
        locks: this.locks,
        fetch: (url, init) =>
          device.dead ? new Promise(() => {}) : device.browser.fetch(url, init),
        WebSocket: this.browser.WebSocket,
        origin: "http://localhost",
        clock: {
          nowMs: () => systemClock.nowMs() + device.clockOffsetMs,
          sleep: systemClock.sleep,
        },
        log,
        startArgon2: () => ({ argon2id: quickArgon2, end() {} }),
        // Node has no files of an origin: results are parts of a Blob, as in a browser without them.
        scratch: createScratch(() => Promise.reject(new Error("no private file system"))),
        keptBytes: this.keptBytes,
        isOnline: () => device.browser.online,
        random: () => device.randomness,
        deviceName: "Test browser",
        wrapDatabase(database) {
          device.database = database;
          return {
            ...database,
            async commit(changes) {
              if (device.dead) return new Promise(() => {});
              if (device.writesLeft <= 0) return device.die();
              device.writesLeft -= 1;
              await device.database.commit(changes);
              return device.writesLeft <= 0 ? device.die() : undefined;
            },
          };
        },
      },
      (name, value) => {
        device.slices[name] = value;
        device.events.push([name, value]);
      },
    );
    return this.call("boot");
  }

  /** The process ends here: nothing after this write happens, and nobody is told. */
  die() {
    if (this.dead) return new Promise(() => {});
    this.dead = true;
    this.writesLeft = 0;
    this.browser.setOnline(false);
    this.engine.close();
    return new Promise(() => {});
  }

  call(name, argument = {}) {
    const msgId = randomBytes(16).toString("base64url");
    return this.engine.call(name, argument, { tab: "tab", msgId });
  }

  async reload() {
    this.engine.close();
    this.browser.setOnline(false);
    this.browser.setOnline(true);
    this.slices = {};
    return this.start();
  }

  online() {
    return until("online", () => this.slices.connection?.status === "online");
  }

  /** The network goes or comes, and the browser says so. */
  setOnline(online) {
    this.browser.setOnline(online);
    if (online) this.engine.wake();
  }

  room(person) {
    return this.slices.rooms?.find(({ peer }) => peer.id === person.id);
  }

  async rows(room) {
    return (await this.call("messages", { room, limit: 200 })).rows;
  }

  async texts(room) {
    return (await this.rows(room)).filter(({ kind }) => kind === "text").map(({ text }) => text);
  }

  /** Wait until a conversation shows exactly these texts, and stays so. */
  async shows(room, texts) {
    let last = null;
    await until(`${JSON.stringify(texts)}, got`, async () => {
      last = await this.texts(room);
      return JSON.stringify(last) === JSON.stringify(texts);
    }).catch((error) => {
      throw new Error(`${error.message} ${JSON.stringify(last)} ${JSON.stringify(this.errors)}`);
    });
  }

  close() {
    this.engine.close();
    this.browser.setOnline(false);
  }
}

/** Let the requests that match wait, until the function that is returned is called. */
export function holding({ browser }, isHeld) {
  const { fetch } = browser;
  const gate = new AbortController();
  const released = once(gate.signal, "abort");
  const fails = async ({ signal }) => {
    await once(signal, "abort");
    throw signal.reason;
  };
  browser.fetch = async (url, init) => {
    if (isHeld(new URL(url).pathname)) await Promise.race([released, fails(init)]);
    return fetch(url, init);
  };
  return () => {
    browser.fetch = fetch;
    gate.abort();
  };
}

/** Sign up and confirm the recovery code. */
export async function signUp(server, name) {
  people += 1;
  const email = `${name.toLowerCase()}-${people}@example.org`;
  const device = new Device(server);
  await device.start();
  await device.call("signUp", { email, displayName: name, password: PASSWORD });
  const { recoveryCode } = await device.call("submitCode", { code: server.code(email) });
  await device.call("confirmRecovery", { lastGroup: recoveryCode.slice(-4) });
  await device.online();
  await until("me", () => device.slices.me);
  return { id: device.slices.me.id, email, name, recoveryCode, device };
}

/** Log in on another browser with the password. */
export async function logIn(server, person, password = PASSWORD) {
  const device = new Device(server);
  await device.start();
  const step = await device.call("logIn", { email: person.email, password });
  const next =
    step.step === "code"
      ? await device.call("submitCode", { code: server.code(person.email) })
      : step;
  return { device, step: next };
}

/** Lose everything and begin with a new identity on a new browser, as after a reset by mail. */
export async function startAnew(server, person) {
  const device = new Device(server);
  await device.start();
  await device.call("forgotPassword", { email: person.email });
  const code = server.code(person.email);
  await device.call("resetPassword", { code, password: `${PASSWORD} and a new one` });
  const { recoveryCode } = await device.call("startNewIdentity");
  await device.call("confirmRecovery", { lastGroup: recoveryCode.slice(-4) });
  await device.online();
  return device;
}

/** Make two people contacts; returns their room. */
export async function befriend(one, other) {
  const code = other.device.slices.me.friendCode;
  await one.device.call("addContact", { query: code });
  await until("request", () =>
    other.device.slices.people?.people.some((p) => p.relation === "incoming"),
  );
  const { room } = await other.device.call("acceptContact", { user: one.id });
  await until("room", () =>
    [one.device.slices.rooms, other.device.slices.rooms].every((rooms) =>
      rooms?.some(({ id, sendBlocked }) => id === room && sendBlocked === null),
    ),
  );
  return room;
}

/** Two people who know each other. */
export async function couple(server) {
  const alice = await signUp(server, "Alice");
  const bob = await signUp(server, "Bob");
  return { alice, bob, room: await befriend(alice, bob) };
}

/** Everything in a database, as it would be copied by whoever takes the disk. */
export async function dumpDatabase(factory) {
  const db = await new Promise((resolve, reject) => {
    const request = factory.open("sealroom");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const dump = {};
  for (const store of db.objectStoreNames) {
    const objects = db.transaction(store).objectStore(store);
    dump[store] = await new Promise((resolve) => {
      const request = objects.getAll();
      request.onsuccess = () => resolve(request.result);
    });
  }
  db.close();
  return dump;
}

/** Put a copy in place of what is there. */
export async function restoreDatabase(factory, dump) {
  const db = await new Promise((resolve) => {
    const request = factory.open("sealroom");
    request.onsuccess = () => resolve(request.result);
  });
  const tx = db.transaction([...db.objectStoreNames], "readwrite");
  for (const [store, rows] of Object.entries(dump)) {
    tx.objectStore(store).clear();
    for (const row of rows) tx.objectStore(store).put(row);
  }
  await new Promise((resolve) => {
    tx.oncomplete = resolve;
  });
  db.close();
}

/** Stands in for half a second of memory-hard work; Argon2id itself is tested in crypto/. */
export async function quickArgon2({ password, salt }) {
  return new Uint8Array(createHash("sha256").update(password).update(salt).digest());
}
