/** The transfers of a server in memory (docs/protocol.md, Transfers); it believes everything, as its files do. */

const IS_OVER = (transfer) => transfer.ended || transfer.expiresMs <= Date.now();

function sentView(transfer) {
  return {
    id: transfer.id,
    kind: transfer.kind,
    state: transfer.state,
    user: transfer.user,
    email: transfer.email,
    has_passphrase: transfer.link?.has_passphrase ?? false,
    is_sealed: transfer.kind === "person" ? transfer.state === "open" : transfer.heads !== null,
    created_ms: transfer.createdMs,
    expires_ms: transfer.expiresMs,
    files: transfer.files,
    downloads: transfer.holders.size,
    max_downloads: transfer.max,
    downloaded_ms: transfer.downloadedMs,
  };
}

function receivedView(server, transfer, user) {
  const { max, holders, heads } = transfer;
  const accepted = transfer.user === user;
  return server.lie.received({
    id: transfer.id,
    state: !accepted ? "offered" : heads === null ? "accepted" : "sealed",
    sender: server.person(transfer.sender),
    created_ms: transfer.createdMs,
    expires_ms: transfer.expiresMs,
    files: transfer.files,
    downloads_left: max === null ? null : Math.max(0, max - holders.size),
    downloaded_ms: transfer.downloadedMs,
  });
}

/** @param {typeof Error} Refusal */
export function transferRoutes(Refusal) {
  const find = (server, id, isAllowed) => {
    const transfer = server.transfers.get(id);
    if (transfer === undefined || IS_OVER(transfer) || !isAllowed(transfer)) {
      throw new Refusal(404, "not_found");
    }
    return transfer;
  };
  const isFor = (server, user) => (transfer) =>
    transfer.state === "open" &&
    !transfer.hidden &&
    (transfer.user === user ||
      (transfer.user === null && transfer.email === server.accounts.get(user).email));

  return {
    "POST /api/transfers"({ user: sender }, { id, kind, user = null, email = null, ...more }) {
      if (kind !== "person" && !this.links) throw new Refusal(403, "forbidden");
      const contacts = this.accounts.get(sender).contacts;
      if (kind === "person" && contacts.get(user) !== "accepted") {
        throw new Refusal(403, "not_contact");
      }
      const before = this.transfers.get(id);
      if (before !== undefined && IS_OVER(before)) throw new Refusal(409, "conflict");
      if (before === undefined) {
        const nowMs = Date.now();
        this.transfers.set(id, {
          ...{ id, kind, sender, user, email, max: more.max_downloads },
          ...{ createdMs: nowMs, expiresMs: nowMs + more.lives_ms, downloadedMs: null },
          ...{ state: "draft", files: [], heads: null, link: null },
          ...{ holders: new Set(), hidden: false, ended: false },
        });
      }
      return sentView(this.transfers.get(id));
    },
    "POST /api/transfers/:id/send"({ user }, { files, heads = null, link = null }, id) {
      const transfer = find(this, id, ({ sender }) => sender === user);
      const isSame = JSON.stringify([heads, link]);
      if (transfer.state === "open") {
        if (transfer.sent !== isSame) throw new Refusal(409, "conflict");
        return sentView(transfer);
      }
      const own = files.map((file) => this.files.get(file));
      if (own.some((file) => file?.transfer !== id || file.state !== "committed")) {
        throw new Refusal(409, "incomplete");
      }
      transfer.files = files.map((file, i) => ({ id: file, size_bytes: own[i].sizeBytes }));
      Object.assign(transfer, { state: "open", heads, link, sent: isSame });
      this.tellArrived(transfer);
      return sentView(transfer);
    },
    "GET /api/transfers/sent"({ user }) {
      const own = [...this.transfers.values()].filter((t) => t.sender === user && !IS_OVER(t));
      return { transfers: own.reverse().map(sentView) };
    },
    "GET /api/transfers/inbox"({ user }) {
      const isMine = isFor(this, user);
      const own = [...this.transfers.values()].filter((t) => isMine(t) && !IS_OVER(t));
      return { transfers: own.reverse().map((t) => receivedView(this, t, user)) };
    },
    "POST /api/transfers/:id/accept"({ user }, body, id) {
      const transfer = find(this, id, isFor(this, user));
      transfer.user = user;
      this.accounts.get(user).contacts.set(transfer.sender, "accepted");
      this.accounts.get(transfer.sender).contacts.set(user, "accepted");
      this.tell([transfer.sender], { type: "contact.changed", user, state: "accepted" });
      this.tell([transfer.sender], { type: "transfer.changed", transfer: id });
      return receivedView(this, transfer, user);
    },
    "GET /api/transfers/:id/heads"({ user }, body, id) {
      const { heads } = find(this, id, (t) => isFor(this, user)(t) && t.heads !== null);
      return { heads: this.lie.heads(heads, id) };
    },
    "PUT /api/transfers/:id/heads"({ user }, { heads }, id) {
      const transfer = find(this, id, (t) => t.sender === user && t.user !== null);
      transfer.heads ??= heads;
      this.tellArrived(transfer);
      return sentView(transfer);
    },
    "POST /api/transfers/:id/downloaded"({ user }, body, id) {
      const transfer = find(this, id, isFor(this, user));
      transfer.downloadedMs ??= Date.now();
      this.tell([transfer.sender], { type: "transfer.changed", transfer: id });
      return {};
    },
    "DELETE /api/transfers/:id"({ user }, body, id) {
      const isMine = isFor(this, user);
      const transfer = find(this, id, (t) => t.sender === user || isMine(t));
      if (transfer.kind === "address" && transfer.sender !== user) {
        transfer.hidden = true;
      } else transfer.ended = true;
      const concerned = [transfer.sender, transfer.user].filter((each) => each !== null);
      this.tell(concerned, { type: "transfer.changed", transfer: id });
      return {};
    },
  };
}

/** What the server itself needs of transfers. */
export const transferParts = {
  tellArrived({ id, user, email, sender, kind }) {
    const found = user ?? (kind === "address" ? this.byEmail(email)?.id : undefined);
    if (found !== undefined)
      this.tell([found], { type: "transfer.new", transfer: id, user: sender });
  },
  /** Whether somebody may read or put a file of a transfer. */
  isTransferOpenFor(id, user) {
    const transfer = this.transfers.get(id);
    if (transfer === undefined || IS_OVER(transfer)) return false;
    return transfer.sender === user || transfer.user === user;
  },
};

/** The first grant of each device counts as a download. */
export function takeDownload(server, Refusal, id, user, device) {
  const { sender, holders, max } = server.transfers.get(id);
  if (sender === user || holders.has(device)) return;
  if (max !== null && holders.size >= max) throw new Refusal(410, "used_up");
  holders.add(device);
}
