/**
 * A server in memory, with as much of docs/protocol.md as engines need to talk, and hooks to make it lie.
 *
 * It believes everything: signatures are verified by the engines, which is what the tests are about. The
 * real server is exercised by tests/e2e.
 */

import { createHash, randomBytes } from "node:crypto";

import { takeDownload, transferParts, transferRoutes } from "./fake-transfers.js";

const id = (bytes = 16) => randomBytes(bytes).toString("base64url");
const hash = (bytes) => createHash("sha256").update(bytes).digest("base64url");

const PART_BYTES = 4 * 1024 * 1024;
const PENDING_FILES = 20; // of one person

class Refusal extends Error {
  constructor(status, code, more = {}) {
    super(code);
    this.status = status;
    this.body = { error: { code, message: code, request_id: "test", ...more } };
  }
}

export class FakeServer {
  accounts = new Map(); // user → account
  registrations = new Map(); // email → registration
  codes = new Map(); // email → code
  logins = new Map(); // token → { user, device, cookie }
  identities = new Map(); // user → { aik, lists, certificates }
  prekeys = new Map(); // device → { spk, opks }
  claims = [];
  rooms = new Map();
  sockets = new Set();
  log = []; // method and path of every request
  /** Hooks of a server that lies; each gets what an honest one would answer. */
  lie = {
    directory: (answer) => answer,
    entry: (entry) => entry,
    cursor: (answer) => answer,
    received: (transfer) => transfer,
    heads: (heads) => heads,
  };
  /** While true, `message.new` is not sent; sync still works. */
  holdEvents = false;
  /** Answers with a refusal instead of serving, when it returns one. */
  refuse = () => null;
  kdf = null;
  grants = new Set(); // tokens that are good
  files = new Map(); // id → { room or transfer, owner, sizeBytes, parts: Map, state }
  transfers = new Map();
  links = true; // false: switched off by the operator
  ended = new Set(); // ids of files that are not given again

  /** @returns {Browser} */
  browser() {
    return new Browser(this);
  }

  code(email) {
    return this.codes.get(email);
  }

  handle(browser, method, url, body, token, headers = {}) {
    const { pathname, searchParams } = new URL(url);
    this.log.push(`${method} ${pathname}`);
    const refusal = this.refuse(method, pathname, body);
    if (refusal !== null) throw new Refusal(...refusal);
    const route = `${method} ${pathname
      .replace(/[A-Za-z0-9_-]{43}/, ":room")
      .replace(/[A-Za-z0-9_-]{22}(?=\/|$)/, ":id")
      .replace(/parts\/\d+$/, "parts/:n")}`;
    const ids = pathname.match(/[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{22}(?=\/|$)/) ?? [];
    const open = OPEN[route];
    if (open !== undefined) return open.call(this, browser, body);
    const login = this.logins.get(token);
    if (login === undefined) throw new Refusal(401, "unauthenticated");
    const serve = ROUTES[route];
    if (serve === undefined) throw new Refusal(404, "not_found", { route });
    const who = { ...login, login, browser };
    return serve.call(this, who, body, ids[0], searchParams, { headers, pathname });
  }

  session(browser, account, device) {
    const login = { user: account.id, device, id: id(), cookie: id() };
    const token = id(32);
    this.logins.set(token, login);
    browser.cookie = login;
    return {
      access_token: token,
      expires_in_s: 900,
      user: this.me(account),
      login_id: login.id,
    };
  }

  me({ id: user, email, display_name: name, friend_code: code, settings }) {
    return { id: user, email, display_name: name, friend_code: code, role: "user", settings };
  }

  endLogins(user, reason, except = null) {
    for (const [token, login] of this.logins) {
      if (login.user !== user || login === except) continue;
      this.logins.delete(token);
      login.ended = true;
      for (const socket of [...this.sockets].filter((s) => s.login === login)) {
        socket.deliver({ type: "session.revoked", reason });
        setImmediate(() => socket.end(4401));
      }
    }
  }

  person(user) {
    const { display_name: name, friend_code: code } = this.accounts.get(user);
    return { id: user, display_name: name, friend_code: code };
  }

  roomView(room) {
    const { log, marks, ...rest } = room;
    const members = room.members.map((user) => ({ user_id: user, role: "member", ...marks[user] }));
    return { ...rest, members, last_seq: log.length };
  }

  tell(users, frame, only = () => true) {
    for (const socket of this.sockets) {
      if (users.includes(socket.login?.user) && only(socket)) socket.deliver(frame);
    }
  }

  entryFor(entry, user, device, room) {
    const capsules = entry.capsules.find((c) => c.user === user && c.device === device);
    const capsule = capsules && pickCapsule(capsules);
    const { capsules: _, ...rest } = entry;
    return this.lie.entry({ ...rest, capsule: capsule ?? null }, { user, device, room });
  }

  activeDevices(user) {
    return this.identities.get(user)?.active ?? [];
  }

  send(login, roomId, body) {
    const room = this.rooms.get(roomId);
    if (room === undefined || !room.members.includes(login.user))
      throw new Refusal(404, "not_found");
    const again = room.log.find(
      (e) => e.msg_id === body.msg_id && e.sender_device === login.device,
    );
    if (again !== undefined)
      return { seq: again.seq, server_ms: again.server_ms, frank: again.frank };
    const wanted = room.members.flatMap((user) =>
      this.activeDevices(user).map((device) => `${user}/${device}`),
    );
    const others = wanted.filter((name) => name !== `${login.user}/${login.device}`).sort();
    const given = body.capsules.map((c) => `${c.user}/${c.device}`).sort();
    const stale = room.members.filter(
      (user) => body.device_lists[user] !== this.identities.get(user).lists.at(-1).version,
    );
    if (stale.length > 0 || JSON.stringify(others) !== JSON.stringify(given)) {
      throw new Refusal(409, "stale_devices", { users: stale });
    }
    const entry = {
      seq: room.log.length + 1,
      msg_id: body.msg_id,
      sender: login.user,
      sender_device: login.device,
      epoch: body.epoch,
      roster_hash: body.roster_hash,
      payload: body.payload,
      c2: body.c2,
      frank: hash(body.msg_id),
      server_ms: Date.now(),
      deleted: false,
      capsules: body.capsules,
    };
    room.log.push(entry);
    if (!this.holdEvents) this.announce(roomId, entry);
    return { seq: entry.seq, server_ms: entry.server_ms, frank: entry.frank };
  }

  announce(roomId, entry) {
    for (const socket of [...this.sockets]) {
      const { login } = socket;
      const isMember = this.rooms.get(roomId).members.includes(login?.user);
      if (!isMember || login.device === entry.sender_device) continue;
      const message = this.entryFor(entry, login.user, login.device, roomId);
      socket.deliver({ type: "message.new", room: roomId, message });
    }
  }

  mark(login, roomId, fields) {
    const room = this.rooms.get(roomId);
    const mark = room.marks[login.user];
    for (const [name, seq] of Object.entries(fields)) mark[name] = Math.max(mark[name], seq);
    const { delivered_seq: delivered, read_seq: read } = mark;
    this.tell(room.members, {
      type: "watermark",
      room: roomId,
      user: login.user,
      delivered_seq: delivered,
      read_seq: read,
    });
  }
}

const OPEN = {
  "POST /api/auth/register"(browser, body) {
    this.registrations.set(body.email, body);
    this.codes.set(body.email, String(100000 + this.registrations.size));
    return { ticket: id() };
  },
  "POST /api/auth/send-otp": () => ({}),
  "POST /api/auth/verify-otp"(browser, { email, purpose, code }) {
    if (this.codes.get(email) !== code) throw new Refusal(400, "bad_code");
    this.codes.delete(email);
    if (purpose === "verify") {
      const { auth_key: authKey, kdf, salt, display_name: name } = this.registrations.get(email);
      const user = id();
      const settings = { read_receipts: true, presence: true };
      const account = { id: user, email, display_name: name, authKey, kdf, salt, settings };
      this.accounts.set(user, {
        ...account,
        friend_code: randomBytes(6).toString("hex"),
        contacts: new Map(),
        blocked: new Set(),
        backup: null,
      });
    }
    return this.session(browser, this.byEmail(email), null);
  },
  "POST /api/auth/prelogin"(browser, { email }) {
    const account = this.byEmail(email);
    const kdf = this.kdf ?? account?.kdf ?? { alg: "argon2id", m_kib: 65536, t: 3, p: 1 };
    return { salt: account?.salt ?? id(), kdf };
  },
  "POST /api/auth/login"(browser, { email, auth_key: authKey, device_id: device }) {
    const account = this.byEmail(email);
    if (account?.authKey !== authKey) throw new Refusal(401, "bad_credentials");
    if (device !== undefined && browser.trusted.has(device)) {
      return this.session(browser, account, device);
    }
    this.codes.set(email, String(200000 + this.log.length));
    return { next: "otp", ticket: id() };
  },
  "POST /api/auth/refresh"(browser) {
    const login = browser.cookie;
    if (login === null || login.ended) throw new Refusal(401, "unauthenticated");
    const token = id(32);
    this.logins.set(token, login);
    const user = this.me(this.accounts.get(login.user));
    return { access_token: token, expires_in_s: 900, user, login_id: login.id };
  },
  "POST /api/auth/forgot-password"(browser, { email }) {
    this.codes.set(email, "300000");
    return { ticket: id() };
  },
  "POST /api/auth/reset-password"(browser, { email, code, auth_key: authKey, salt, kdf }) {
    if (this.codes.get(email) !== code) throw new Refusal(400, "bad_code");
    const account = this.byEmail(email);
    Object.assign(account, { authKey, salt, kdf });
    this.endLogins(account.id, "password_changed");
    return this.session(browser, account, null);
  },
};

const ROUTES = {
  "POST /api/auth/logout"({ login }) {
    login.ended = true;
    return {};
  },
  "POST /api/auth/logout-all"({ user }) {
    this.endLogins(user, "logged_out");
    return {};
  },
  "POST /api/auth/change-password"({ user, login }, body) {
    const account = this.accounts.get(user);
    if (account.authKey !== body.auth_key) throw new Refusal(401, "bad_credentials");
    const { new_auth_key: authKey, new_salt: salt, new_kdf: kdf, backup } = body;
    Object.assign(account, { authKey, salt, kdf, backup });
    this.endLogins(user, "password_changed", login);
    return {};
  },
  "GET /api/auth/logins"({ user }) {
    const own = [...new Set(this.logins.values())].filter((login) => login.user === user);
    const device = { name: "Test", platform: "web" };
    const logins = own.map((login) => ({
      login_id: login.id,
      device_id: login.device,
      device,
      created_ms: 1,
      last_used_ms: 1,
      address_prefix: "",
      current: false,
    }));
    return { logins };
  },
  "GET /api/users/me"({ user }) {
    return {
      ...this.me(this.accounts.get(user)),
      server: { file_bytes: 100 * 2 ** 20, links: this.links },
    };
  },
  "PATCH /api/users/me"({ user }, body) {
    Object.assign(this.accounts.get(user), body);
    return {
      ...this.me(this.accounts.get(user)),
      server: { file_bytes: 100 * 2 ** 20, links: this.links },
    };
  },
  "GET /api/users/:id"(_, body, other) {
    return this.person(other);
  },
  "GET /api/contacts"({ user }) {
    const { contacts, blocked } = this.accounts.get(user);
    return {
      contacts: [...contacts].map(([other, state]) => {
        return { user: this.person(other), state, created_ms: 1 };
      }),
      invites: [],
      blocked: [...blocked].map((other) => this.person(other)),
    };
  },
  "POST /api/contacts"({ user }, { friend_code: code }) {
    const other = [...this.accounts.values()].find((a) => a.friend_code === code);
    if (other === undefined) throw new Refusal(404, "not_found");
    this.accounts.get(user).contacts.set(other.id, "outgoing");
    other.contacts.set(user, "incoming");
    this.tell([other.id], { type: "contact.changed", user, state: "incoming" });
    return {};
  },
  "POST /api/contacts/:id/accept"({ user }, body, other) {
    this.accounts.get(user).contacts.set(other, "accepted");
    this.accounts.get(other).contacts.set(user, "accepted");
    this.tell([other], { type: "contact.changed", user, state: "accepted" });
    return { user: this.person(other), state: "accepted", created_ms: 1 };
  },
  "DELETE /api/contacts/:id"({ user }, body, other) {
    this.accounts.get(user).contacts.delete(other);
    this.accounts.get(other).contacts.delete(user);
    this.tell([other], { type: "contact.changed", user, state: "none" });
    return {};
  },
  "POST /api/e2ee/devices"({ user, login, browser }, body) {
    const { device_id: device } = body.certificate;
    const before = this.identities.get(user);
    const isNewest = before?.lists.at(-1).devlist === body.list.devlist;
    if (isNewest && !before.active.includes(device)) throw new Refusal(409, "list_rollback");
    if (!isNewest) {
      const kept = before !== undefined && !body.reset ? before : { lists: before?.lists ?? [] };
      this.identities.set(user, {
        aik: body.aik,
        lists: [...kept.lists, body.list],
        certificates: [...(kept.certificates ?? []), body.certificate],
        active: [...(kept.active ?? []), device],
      });
      this.prekeys.set(device, { spk: body.spk, opks: [...body.opks] });
      if (body.backup !== undefined) this.accounts.get(user).backup = body.backup;
    }
    login.device = device;
    browser.trusted.add(device);
    this.tellListChanged(user);
    return body.list;
  },
  "GET /api/e2ee/users/:id/devices"({ user }, body, other, query) {
    const identity = this.identities.get(other);
    if (identity === undefined) throw new Refusal(404, "not_found");
    const since = Number(query.get("since"));
    const lists = identity.lists.filter(({ version }) => version > since);
    const { aik, certificates } = identity;
    return this.lie.directory({ user: other, aik, lists, certificates }, { viewer: user, since });
  },
  "PUT /api/e2ee/devlist"({ user }, list) {
    const identity = this.identities.get(user);
    identity.lists.push(list);
    const gone = this.revokedIn(list);
    identity.active = identity.active.filter((device) => !gone.has(device));
    for (const [, login] of this.logins) {
      if (login.user !== user || !gone.has(login.device)) continue;
      login.ended = true;
      for (const socket of [...this.sockets].filter((s) => s.login === login)) {
        socket.deliver({ type: "session.revoked", reason: "device_removed" });
        setImmediate(() => socket.end(4401));
      }
    }
    this.tellListChanged(user);
    return list;
  },
  "POST /api/e2ee/prekeys"({ device }, { spk, opks }) {
    const held = this.prekeys.get(device);
    if (spk !== undefined) held.spk = spk;
    held.opks.push(...opks);
    return { opk: held.opks.length, spk_id: held.spk.id, spk_age_ms: 0 };
  },
  "GET /api/e2ee/prekeys/count"({ device }) {
    const held = this.prekeys.get(device);
    if (held === undefined) throw new Refusal(403, "not_enrolled");
    return { opk: held.opks.length, spk_id: held.spk.id, spk_age_ms: 0 };
  },
  "POST /api/e2ee/prekeys/claim"(login, { targets }) {
    const bundles = targets.map(({ user, device }) => {
      this.claims.push(device);
      const { spk, opks } = this.prekeys.get(device);
      return { user, device, cert_hash: hash("x"), spk, opk: opks.shift() ?? null };
    });
    return { bundles };
  },
  "GET /api/e2ee/self/cursor"({ device }) {
    const own = [...this.rooms].flatMap(([room, { log }]) =>
      log
        .filter((e) => e.sender_device === device)
        .map(({ msg_id: m, server_ms: t }) => [room, m, t]),
    );
    const last = own.sort((a, b) => a[2] - b[2]).at(-1);
    return this.lie.cursor({ room: last?.[0] ?? null, msg_id: last?.[1] ?? null });
  },
  "GET /api/e2ee/backup"({ user }) {
    const { backup } = this.accounts.get(user);
    if (backup === null) throw new Refusal(404, "not_found");
    return backup;
  },
  "PUT /api/e2ee/backup"({ user }, backup) {
    this.accounts.get(user).backup = backup;
    return backup;
  },
  "GET /api/rooms"({ user }) {
    const own = [...this.rooms.values()].filter(({ members }) => members.includes(user));
    return { rooms: own.map((room) => this.roomView(room)) };
  },
  "POST /api/rooms"({ user }, { peer, nonce }) {
    const live = [...this.rooms.values()].find(
      ({ members }) => members.includes(user) && members.includes(peer),
    );
    if (live !== undefined) return this.roomView(live);
    const ids = [user, peer].map((u) => Buffer.from(u, "base64url")).sort(Buffer.compare);
    const lp = (bytes) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    const fields = [Buffer.from("SEAL1/dm"), ...ids, Buffer.from(nonce, "base64url")];
    const roomId = hash(Buffer.concat(fields.map(lp)));
    const mark = () => ({ delivered_seq: 0, read_seq: 0, keep: false });
    const nowMs = Date.now();
    const room = {
      id: roomId,
      kind: "dm",
      nonce,
      members: [user, peer],
      marks: { [user]: mark(), [peer]: mark() },
      log: [],
      created_ms: nowMs,
      expires_ms: nowMs + 7 * 86_400_000,
    };
    this.rooms.set(roomId, room);
    this.tell([user, peer], { type: "room.updated", room: roomId });
    return this.roomView(room);
  },
  "GET /api/rooms/:room"(_, body, roomId) {
    const room = this.rooms.get(roomId);
    if (room === undefined) throw new Refusal(404, "not_found");
    return this.roomView(room);
  },
  "DELETE /api/rooms/:room"(_, body, roomId) {
    const { members } = this.rooms.get(roomId);
    this.rooms.delete(roomId);
    this.tell(members, { type: "room.removed", room: roomId });
    return {};
  },
  "PUT /api/rooms/:room/keep"({ user }, body, roomId) {
    const room = this.rooms.get(roomId);
    room.marks[user].keep = true;
    if (Object.values(room.marks).every(({ keep }) => keep)) {
      room.expires_ms += 7 * 86_400_000;
      for (const mark of Object.values(room.marks)) mark.keep = false;
    }
    this.tell(room.members, { type: "room.updated", room: roomId });
    return this.roomView(room);
  },
  "POST /api/files"({ user }, { id: file, room, transfer, size_bytes: sizeBytes }) {
    if (this.ended.has(file)) throw new Refusal(409, "conflict");
    if (!this.files.has(file)) {
      const isPending = ({ owner, state }) => owner === user && state === "pending";
      const pending = [...this.files.values()].filter(isPending).length;
      if (pending >= PENDING_FILES) throw new Refusal(403, "quota_full");
      const home = { room, transfer, owner: user };
      this.files.set(file, { ...home, sizeBytes, parts: new Map(), state: "pending" });
    }
    this.requireFile(user, file);
    return this.fileState(file);
  },
  "POST /api/files/:id/grant"({ user, device }, { purpose }, file) {
    const { transfer, sizeBytes } = this.requireFile(user, file);
    if (transfer !== undefined && purpose === "get") {
      takeDownload(this, Refusal, transfer, user, device);
    }
    const token = `${purpose}-${id()}`;
    this.grants.add(token);
    return { token, expires_ms: Date.now() + 600_000, size_bytes: sizeBytes };
  },
  "PUT /api/files/:id/parts/:n"({ user }, bytes, file, _, { headers, pathname }) {
    this.requireGrant(headers, "put");
    const { parts } = this.requireFile(user, file);
    if (hash(bytes) !== headers["X-Part-Hash"]) throw new Refusal(422, "bad_part");
    parts.set(Number(pathname.split("/").at(-1)), Buffer.from(bytes));
    return {};
  },
  "POST /api/files/:id/commit"({ user }, body, file) {
    const found = this.requireFile(user, file);
    if (found.parts.size !== this.fileState(file).parts) throw new Refusal(409, "incomplete");
    found.state = "committed";
    return this.fileState(file);
  },
  "GET /api/files/:id/hashes"({ user }, body, file, _, { headers }) {
    this.requireGrant(headers, "get");
    const { parts } = this.requireFile(user, file);
    const ordered = [...parts.keys()].sort((a, b) => a - b);
    return Buffer.concat(ordered.map((n) => createHash("sha256").update(parts.get(n)).digest()));
  },
  "GET /api/files/:id/content"({ user }, body, file, _, { headers }) {
    this.requireGrant(headers, "get");
    const { parts } = this.requireFile(user, file);
    const [, first, last] = headers.Range.match(/^bytes=(\d+)-(\d+)$/).map(Number);
    const number = Math.floor(first / PART_BYTES);
    return parts.get(number).subarray(first % PART_BYTES, last + 1 - number * PART_BYTES);
  },
  "DELETE /api/files/:id"({ user }, body, file) {
    this.requireFile(user, file);
    this.files.delete(file);
    return {};
  },
  "POST /api/rooms/:room/messages"({ login }, body, roomId) {
    return this.send(login, roomId, body);
  },
  ...transferRoutes(Refusal),
};

Object.assign(FakeServer.prototype, {
  ...transferParts,
  requireFile(user, file) {
    const found = this.files.get(file);
    const isMember = this.rooms.get(found?.room)?.members.includes(user) === true;
    const isAllowed = isMember || this.isTransferOpenFor(found?.transfer, user);
    if (!isAllowed) throw new Refusal(404, "not_found");
    return found;
  },
  requireGrant({ "X-File-Grant": token = "" }, purpose) {
    const isGood = token.startsWith(purpose) && this.grants.has(token);
    if (!isGood) throw new Refusal(403, "bad_grant");
  },
  fileState(file) {
    const { room, transfer, sizeBytes, parts, state } = this.files.get(file);
    return {
      id: file,
      room,
      transfer,
      size_bytes: sizeBytes,
      part_bytes: PART_BYTES,
      parts: Math.ceil(sizeBytes / PART_BYTES),
      received: [...parts.keys()].sort((a, b) => a - b),
      state,
    };
  },
  byEmail(email) {
    return [...this.accounts.values()].find((account) => account.email === email);
  },
  tellListChanged(user) {
    const { version } = this.identities.get(user).lists.at(-1);
    this.tell([...this.accounts.keys()], { type: "devices.changed", user, version });
  },
  /** Devices that a list marks as revoked: e = deviceId16 ‖ certHash32 ‖ status ‖ since8. */
  revokedIn({ devlist }) {
    const bytes = Buffer.from(devlist, "base64url");
    const fields = [];
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt32BE(at);
      fields.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    const entries = fields.slice(5).filter((entry) => entry[48] === 2);
    return new Set(entries.map((entry) => entry.subarray(0, 16).toString("base64url")));
  },
});

/** One browser as the server sees it: its cookies, and whether its network works. */
export class Browser {
  cookie = null;
  trusted = new Set();
  online = true;

  constructor(server) {
    this.server = server;
    const browser = this;
    this.WebSocket = class extends FakeSocket {
      constructor() {
        super(server, browser);
      }
    };
  }

  setOnline(online) {
    this.online = online;
    if (online) return;
    for (const socket of [...this.server.sockets].filter((s) => s.browser === this))
      socket.end(1006);
  }

  fetch = async (url, { method, headers, body }) => {
    await new Promise(setImmediate);
    if (!this.online) throw new TypeError("no network");
    const token = headers.Authorization?.replace("Bearer ", "");
    try {
      const content = typeof body === "string" ? JSON.parse(body) : body;
      const answer = this.server.handle(this, method, url, content, token, headers);
      const text = async () => JSON.stringify(answer);
      // A copy: whoever gets bytes may do with them as it likes.
      return {
        ok: true,
        status: 200,
        text,
        headers: new Headers({ "Content-Length": String(answer?.length ?? 0) }),
        arrayBuffer: async () => Uint8Array.from(answer).buffer,
      };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: false, status: error.status, text: async () => JSON.stringify(error.body) };
    }
  };
}

class FakeSocket {
  OPEN = 1;
  readyState = 0;
  login = null;

  constructor(server, browser) {
    this.server = server;
    this.browser = browser;
    setImmediate(() => {
      if (!browser.online) return this.end(1006);
      this.readyState = 1;
      server.sockets.add(this);
      return this.onopen();
    });
  }

  close() {
    this.end(1000);
  }

  end(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.server.sockets.delete(this);
    setImmediate(() => this.onclose({ code }));
  }

  deliver(frame) {
    const data = JSON.stringify(frame);
    setImmediate(() => this.readyState === 1 && this.onmessage({ data }));
  }

  send(data) {
    const frame = JSON.parse(data);
    setImmediate(() => {
      if (!this.browser.online || this.readyState !== 1) return;
      try {
        this.#serve(frame);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.deliver({ type: "error", id: frame.id, ...error.body });
      }
    });
  }

  #serve(frame) {
    const { server } = this;
    const room = server.rooms.get(frame.room);
    switch (frame.type) {
      case "authenticate": {
        const login = server.logins.get(frame.token);
        if (login === undefined || login.ended) throw new Refusal(401, "unauthenticated");
        this.login = login;
        const own = [...server.rooms.values()].filter((r) => r.members.includes(login.user));
        const rooms = own.map(({ id: roomId, log }) => ({ id: roomId, last_seq: log.length }));
        const { user, device } = login;
        const ids = { user_id: user, device_id: device, server_ms: Date.now() };
        return this.deliver({ type: "authenticated", ...ids, rooms, presence: [] });
      }
      case "message.send": {
        const refusal = server.refuse("WS", "message.send", frame);
        if (refusal !== null) throw new Refusal(...refusal);
        const answer = server.send(this.login, frame.room, frame);
        const { id: request, room: roomId, msg_id: msgId } = frame;
        const ids = { id: request, room: roomId, msg_id: msgId };
        return this.deliver({ type: "message.accepted", ...ids, ...answer });
      }
      case "sync": {
        const { user, device } = this.login;
        const page = room.log.slice(frame.after, frame.after + frame.limit);
        const messages = page.map((entry) => server.entryFor(entry, user, device, frame.room));
        const last = room.log.length;
        const more = frame.after + page.length < last;
        const about = { id: frame.id, room: frame.room, has_more: more, last_seq: last };
        return this.deliver({ type: "synced", ...about, messages });
      }
      case "message.delivered":
        return server.mark(this.login, frame.room, { delivered_seq: frame.seq });
      case "message.read":
        return server.mark(this.login, frame.room, {
          delivered_seq: frame.seq,
          read_seq: frame.seq,
        });
      case "typing":
        return server.tell(room.members, { ...frame, user: this.login.user }, (s) => s !== this);
      case "ping":
        return this.deliver({ type: "pong", id: frame.id, server_ms: Date.now() });
      default:
        return undefined;
    }
  }
}

function pickCapsule({ sid, pre, header, ciphertext }) {
  return pre === undefined ? { sid, header, ciphertext } : { sid, pre, header, ciphertext };
}
