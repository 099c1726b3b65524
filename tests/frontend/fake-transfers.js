/** Transfers of the fake engine: every state of both lists, and calls that change them. */

/** @typedef {any} Any the page checks its own types; here only what it draws matters */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.now();
const LAN_CODE = "8f3a19c07be2";
const CONTENT = "what was sent";
const KNOWN = { kind: "known", user: "u-alice", name: "Alice Moreau", verified: false };
const VERIFIED = { kind: "known", user: "u-minh", name: "Trần Quang Minh", verified: true };
const ALICE = { id: "u-alice", displayName: "Alice Moreau", friendCode: "0c44b1e98a7d" };
const MINH = { id: "u-minh", displayName: "Trần Quang Minh", friendCode: "51cc02f7a3de" };
const OMAR = { id: "u-omar", displayName: "عمر الفاروق", friendCode: "aa10cc42b7f1" };

/** @returns {Any} */
function item(name, sizeBytes, more = {}) {
  const { state = "waiting", doneBytes = 0, failure = null } = more;
  return { name, mime: "application/octet-stream", sizeBytes, state, doneBytes, failure };
}

/** @returns {Any} */
function received(id, sender, agoMs, files, more = {}) {
  return {
    id,
    state: "sealed",
    sender,
    origin: sender === MINH ? VERIFIED : KNOWN,
    refusal: null,
    files,
    totalBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    createdMs: NOW_MS - agoMs,
    expiresMs: NOW_MS - agoMs + 7 * DAY_MS,
    downloadsLeft: null,
    downloadedMs: null,
    sealedMs: NOW_MS - agoMs,
    ...more,
  };
}

/** @param {string} id */
function linkOf(id) {
  return `/t/${id}#1.pHb0c0Vq2nXyq6d1C3m8zT7bKfJ9uWwLrA5sE4iGhQk`;
}

/** @returns {Any} */
function sent(id, to, agoMs, files, more = {}) {
  return {
    id,
    to,
    name: "",
    state: "open",
    files,
    totalBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    link: to.kind === "person" || (more.state ?? "open") !== "open" ? null : linkOf(id),
    hasPassphrase: false,
    accepted: false,
    sealed: to.kind === "person",
    createdMs: NOW_MS - agoMs,
    expiresMs: NOW_MS - agoMs + 7 * DAY_MS,
    downloads: 0,
    maxDownloads: null,
    downloadedMs: null,
    failure: null,
    fingerprint: to.kind === "person" ? null : "10007 17926 25845 33764 41683 49602",
    ...more,
  };
}

const STRANGER = { id: "u-lan2", displayName: "Lan", friendCode: LAN_CODE };
const UNKNOWN_FILES = [item("", 21_000_000), item("", 13_000_000)];

const RECEIVED = [
  received("t-offer", STRANGER, HOUR_MS / 2, UNKNOWN_FILES, { state: "offered", origin: null }),
  received("t-waits", OMAR, HOUR_MS, [item("", 4_200_000)], { state: "accepted", origin: null }),
  received("t-new", MINH, 2 * HOUR_MS, [
    item("Hợp đồng thuê nhà.pdf", 1_240_000),
    item("a name so long that it cannot stand on one line of a phone at all.tar.gz", 88_000_000),
  ]),
  received("t-once", ALICE, 3 * HOUR_MS, [item("tickets.zip", 940_000)], {
    downloadsLeft: 1,
    expiresMs: NOW_MS + HOUR_MS,
  }),
  received("t-moving", ALICE, 4 * HOUR_MS, [
    item("film.mp4", 840_000_000, { state: "moving", doneBytes: 352_800_000 }),
    item("notes.txt", 1_200, { state: "failed", failure: "unavailable" }),
  ]),
  received("t-done", ALICE, DAY_MS, [item("report.pdf", 3_400_000, { state: "done" })], {
    downloadedMs: NOW_MS - HOUR_MS,
  }),
  received("t-bad", MINH, 2 * DAY_MS, [
    item("plan.pdf", 400_000, { state: "done" }),
    item("drawing.dwg", 12_000_000, { state: "damaged" }),
    item("letter.docx", 80_000, { state: "wrong-sender" }),
    item("old.zip", 90_000, { state: "gone" }),
  ]),
  received("t-other", MINH, 3 * DAY_MS, [item("", 5_000_000)], {
    origin: null,
    refusal: "not-for-us",
  }),
  received("t-used", ALICE, 4 * DAY_MS, [item("photos.zip", 5_000_000)], { downloadsLeft: 0 }),
];

const SENT = [
  sent(
    "s-prepares",
    { kind: "person", user: "u-minh" },
    2_000,
    [item("Hồ sơ.zip", 84_000_000, { state: "moving", doneBytes: 20_000_000 })],
    { state: "preparing", name: MINH.displayName },
  ),
  sent(
    "s-moves",
    { kind: "link" },
    60_000,
    [
      item("film.mp4", 240_000_000, { state: "moving", doneBytes: 100_800_000 }),
      item("song.mp3", 8_000_000),
    ],
    { state: "uploading" },
  ),
  sent(
    "s-failed",
    { kind: "person", user: "u-alice" },
    HOUR_MS,
    [item("too large.iso", 9_000_000_000)],
    {
      state: "failed",
      failure: "too_large",
      name: ALICE.displayName,
    },
  ),
  sent(
    "s-address",
    { kind: "address", email: "bao.tran@example.org" },
    2 * HOUR_MS,
    [item("invoice.pdf", 310_000)],
    { hasPassphrase: true },
  ),
  sent(
    "s-accepted",
    { kind: "address", email: "omar@example.org" },
    3 * HOUR_MS,
    [item("a.pdf", 310_000)],
    { accepted: true, name: OMAR.displayName },
  ),
  sent(
    "s-person",
    { kind: "person", user: "u-alice" },
    5 * HOUR_MS,
    [item("lake.jpg", 2_900_000)],
    {
      name: ALICE.displayName,
    },
  ),
  sent(
    "s-link",
    { kind: "link" },
    DAY_MS,
    Array.from({ length: 6 }, (_, at) => item(`trip-${at + 1}.jpg`, 3_100_000)),
    { downloads: 2, maxDownloads: 5 },
  ),
  sent("s-elsewhere", { kind: "link" }, 2 * DAY_MS, [item("", 700_000)], {
    link: null,
    fingerprint: null,
    downloads: 3,
  }),
  sent("s-fetched", { kind: "person", user: "u-minh" }, 3 * DAY_MS, [item("plan.pdf", 1e6)], {
    name: MINH.displayName,
    downloads: 1,
    downloadedMs: NOW_MS - 2 * DAY_MS,
  }),
  sent("s-ended", { kind: "link" }, 8 * DAY_MS, [item("old.zip", 4_000_000)], { state: "ended" }),
];

/**
 * @param {string} scene "transfers" has every state, "transfers-loading" and "offline" nothing yet, any other empty lists
 * @param {{ emit: (name: string, value: Any) => void, fail: (code: string) => never }} engine
 */
export function fakeTransfers(scene, { emit, fail }) {
  let lists = {
    received: scene === "transfers" ? RECEIVED : [],
    sent: scene === "transfers" ? SENT : [],
  };
  const isUnknown = scene === "transfers-loading" || scene === "offline";
  const tell = () => emit("transfers", isUnknown ? null : lists);

  /** @param {"received" | "sent"} which @param {string} id @param {(one: Any) => Any} become null takes it away */
  function change(which, id, become) {
    const all = lists[which].map((one) => (one.id === id ? become(one) : one));
    lists = { ...lists, [which]: all.filter((one) => one !== null) };
    tell();
    return {};
  }
  const away = () => null;

  /** @param {string} id @param {number} index @param {object} news */
  function changeFile(id, index, news) {
    const files = (/** @type {Any} */ one) => ({
      ...one,
      files: one.files.map((file, at) => (at === index ? { ...file, ...news } : file)),
    });
    return change("received", id, files);
  }

  // What the engine tells by itself, for tests: tellTransfers({ id: "s-moves", state: "open" }).
  globalThis.tellTransfers = (news) => {
    change("sent", news.id, (one) => ({ ...one, ...news }));
    change("received", news.id, (one) => ({ ...one, ...news }));
  };
  globalThis.openTransfer = (id) =>
    globalThis.tellTransfers({ id, state: "open", link: linkOf(id) });
  globalThis.moveTransfer = (id, index, doneBytes, totalBytes) =>
    emit("transferProgress", { id, index, doneBytes, totalBytes });

  let held = Promise.resolve();
  // Encrypting that takes its time, for tests.
  globalThis.holdSending = () => {
    held = new Promise((resolve) => {
      globalThis.letGoSending = resolve;
    });
  };

  const calls = {
    sendTransfer: async ({ files, to, ...wishes }) => {
      await held;
      if (files.some((file) => file.name === "huge.iso")) fail("too_large");
      if (files.some((file) => file.name === "full.bin")) fail("disk_full");
      if (to.kind === "link" && files.some((file) => file.name === "switched-off"))
        fail("forbidden");
      globalThis.sentTransfer = { names: files.map((file) => file.name), files, to, ...wishes };
      const id = `s-${lists.sent.length + 1}`;
      const items = files.map((file) => item(file.name, file.size));
      const news = sent(id, to, 0, items, {
        state: "uploading",
        name: to.kind === "person" ? ALICE.displayName : "",
        hasPassphrase: wishes.passphrase !== null,
        maxDownloads: wishes.maxDownloads,
      });
      lists = { ...lists, sent: [news, ...lists.sent] };
      tell();
      return { id };
    },
    pauseTransfer: ({ id, on }) =>
      change("sent", id, (one) => ({ ...one, state: on ? "paused" : "uploading" })),
    retryTransfer: ({ id }) =>
      change("sent", id, (one) => ({ ...one, state: "uploading", failure: null })),
    withdrawTransfer: ({ id }) => change("sent", id, (one) => ({ ...one, state: "ended" })),
    forgetTransfer: ({ id }) => change("sent", id, away),
    acceptTransfer: ({ id }) => change("received", id, (one) => ({ ...one, state: "accepted" })),
    declineTransfer: ({ id }) => change("received", id, away),
    fetchTransfer: async ({ id, index }) => {
      const one = lists.received.find((each) => each.id === id);
      if (id === "t-used") fail("used_up");
      const { name, sizeBytes } = one.files[index];
      if (name === "film.mp4") return holdOn(id, index, sizeBytes);
      if (name === "tickets.zip") fail("damaged");
      changeFile(id, index, { state: "done" });
      return { file: new File([CONTENT], name) };
    },
    cancelFetchTransfer: ({ id, index }) => {
      give.get(`${id} ${index}`)?.();
      return changeFile(id, index, { state: "waiting", doneBytes: 0 });
    },
  };
  /** @type {Map<string, () => void>} downloads that stay half-way until they are cancelled */
  const give = new Map();

  function holdOn(id, index, sizeBytes) {
    changeFile(id, index, { state: "moving", doneBytes: sizeBytes * 0.42 });
    return new Promise((_, reject) => {
      give.set(`${id} ${index}`, () => {
        try {
          fail("cancelled");
        } catch (error) {
          reject(error);
        }
      });
    });
  }
  return { calls, tell };
}
