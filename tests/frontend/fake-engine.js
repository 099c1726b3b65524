/**
 * A stand-in for the engine, with believable people, for looking at screens (tests/frontend/preview.mjs). Tests of
 * behaviour use the real engine. `?scene=` chooses where to begin: welcome (default), ready, empty, unlock, expired,
 * broken, offline, long (ready, with a room of ten thousand messages), files (ready, with a room of files in every state),
 * transfers (ready, with transfers in every state), transfers-loading (ready, and nothing known of them).
 */
import { AppError } from "/js/lib/errors.js";

import { fakeTransfers } from "./fake-transfers.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.now();

const RECOVERY_CODE = "7K4MQ2XWN8RD0V5TGH3BZC9PYE1A";

const ME = {
  id: "u-lan",
  email: "lan.nguyen@example.vn",
  displayName: "Nguyễn Thị Lan",
  friendCode: "8f3a19c07be2",
  role: "user",
  preferences: { readReceipts: true, presence: true },
  passwordOpensBackup: true,
  terms: { fileBytes: 100 * 2 ** 20, links: true },
};

/** @returns {any} */
function person(id, displayName, relation, more = {}) {
  return {
    id,
    displayName,
    friendCode: "0c44b1e98a7d",
    relation,
    identity: "new",
    presence: "offline",
    lastSeenMs: NOW_MS - 3 * HOUR_MS,
    createdMs: NOW_MS - 2 * DAY_MS,
    ...more,
  };
}

const MINH = person("u-minh", "Trần Quang Minh", "accepted", {
  presence: "online",
  identity: "verified",
});
const ALICE = person("u-alice", "Alice Moreau", "accepted", { presence: "away" });
const OMAR = person("u-omar", "عمر الفاروق", "accepted", { lastSeenMs: NOW_MS - 26 * HOUR_MS });
const HA = person("u-ha", "Phạm Thu Hà", "accepted", {
  identity: "changed-verified",
  lastSeenMs: NOW_MS - 12 * MINUTE_MS,
});
const PEOPLE = {
  people: [
    MINH,
    ALICE,
    OMAR,
    HA,
    person("u-duc", "Lê Hoàng Đức", "incoming", { createdMs: NOW_MS - 8 * MINUTE_MS }),
    person("u-jo", "Jo", "incoming", { createdMs: NOW_MS - 5 * HOUR_MS }),
    person(
      "u-long",
      "A name as long as the limit of sixty-four characters lets it be, ok",
      "outgoing",
    ),
    person("u-spam", "Khuyến mãi 24h", "blocked"),
  ],
  invites: [{ email: "bao.tran@example.org", createdMs: NOW_MS - DAY_MS }],
};

let order = 0;
/** @returns {any} */
function row(inRoom, sender, text, agoMs, more = {}) {
  order += 1;
  return {
    key: `${inRoom}-${order}`,
    room: inRoom,
    seq: order,
    order,
    mine: sender === ME.id,
    sender,
    state: sender === ME.id ? "read" : "received",
    sentMs: NOW_MS - agoMs,
    failure: null,
    kind: "text",
    text,
    ...more,
  };
}

const ROWS = {
  "r-minh": [
    row("r-minh", "u-minh", "Chị Lan ơi, tối nay mấy giờ mình gặp ạ?", DAY_MS + 3 * HOUR_MS),
    row("r-minh", ME.id, "7 giờ nhé, chỗ cũ cạnh hồ.", DAY_MS + 3 * HOUR_MS - MINUTE_MS),
    row(
      "r-minh",
      "u-minh",
      "Vâng. Em gửi chị đường đi: https://example.vn/ban-do?q=ho-tay",
      DAY_MS,
    ),
    row("r-minh", "u-minh", "Nếu mưa thì mình vào quán cà phê đối diện.", DAY_MS - 20_000),
    row("r-minh", "u-minh", "", 4 * HOUR_MS, {
      kind: "undecryptable",
      reason: "no-session",
      next: "asked-again",
    }),
    row("r-minh", ME.id, "", 3 * HOUR_MS, {
      kind: "system",
      notice: "new-device",
      params: { name: "Trần Quang Minh" },
    }),
    row("r-minh", ME.id, "Chị vừa tới.\nEm đang ở đâu?", 22 * MINUTE_MS),
    row("r-minh", "u-minh", "Em đang gửi xe, hai phút nữa em vào.", 20 * MINUTE_MS),
    row("r-minh", ME.id, "Ok em, chị ngồi bàn ngoài hiên.", 19 * MINUTE_MS, { state: "delivered" }),
    row("r-minh", ME.id, "Gọi trước hai ly cà phê sữa nhé?", 2 * MINUTE_MS, {
      state: "failed",
      failure: "not_contact",
    }),
    row("r-minh", ME.id, "Alô?", MINUTE_MS, { state: "pending", seq: null }),
  ],
  "r-alice": [
    row("r-alice", ME.id, "Did the parcel arrive?", 5 * HOUR_MS),
    row("r-alice", "u-alice", "This morning! Thank you so much.", 4 * HOUR_MS),
    row(
      "r-alice",
      "u-alice",
      "The tea is wonderful, we are already on the second pot.",
      4 * HOUR_MS,
    ),
  ],
  "r-ha": [row("r-ha", "u-ha", "Mai mình đổi điện thoại mới rồi.", 12 * MINUTE_MS)],
};

const LONG_ROWS = 10_000;
/** What people may send who mean harm, or just have much to say (S-31, S-34). */
const HARD_TEXTS = [
  "x".repeat(200_000),
  `z${"\u0301\u0316\u0335".repeat(3400)}`,
  `https://example.org/${"(".repeat(50_000)}${")".repeat(99_000)}`,
  "\n".repeat(5000),
  "__proto__ constructor \u202egnp.exe\u202c <img src=x onerror=alert(1)>",
  "مرحبا كيف حالك؟ (English inside) 123",
  "javascript:alert(1) data:text/html,x https://example.org/__proto__",
];

/** A room with ten thousand rows, the hard ones at its end; of different heights, as texts are. */
function fillLongRoom() {
  const texts = Array.from({ length: LONG_ROWS - HARD_TEXTS.length }, (_, at) =>
    `Row ${at}. ${"Some more words for it. ".repeat(at % 7)}`.trim(),
  );
  ROWS["r-long"] = [...texts, ...HARD_TEXTS].map((text, at) =>
    row("r-long", at % 3 === 0 ? ME.id : "u-minh", text, (LONG_ROWS - at) * 20_000),
  );
  ROOMS.push(room("r-long", { ...MINH, id: "u-long-room", displayName: "Hàng Dài" }, HOUR_MS));
}

/** What is in the files of the scene "files", by row and index. @type {Map<string, File>} */
const CONTENTS = new Map();

/** @returns {any} */
function fileOf(show, name, more = {}) {
  const { width = null, height = null, thumb = null, durationMs = null, wave = null } = more;
  const { mime = "application/octet-stream", size = 3_400_000, content } = more;
  const { state = "here", doneBytes = 0, failure = null } = more;
  const hints = { width, height, durationMs, thumb, wave };
  return { name, mime, size, show, ...hints, state, doneBytes, failure, content };
}

/** @returns {any} */
function filesRow(sender, agoMs, files, more = {}) {
  const made = row("r-files", sender, more.text ?? "", agoMs, { kind: "files", ...more });
  made.files = files.map(({ content, ...file }, index) => {
    if (content !== undefined) CONTENTS.set(`${made.key} ${index}`, content);
    return { ...file, index };
  });
  return made;
}

/** A picture that can be told from others. @param {number} hue @param {number} width @param {number} height */
async function paint(hue, width, height, type = "image/jpeg") {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const sky = context.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, `hsl(${hue} 70% 72%)`);
  sky.addColorStop(1, `hsl(${hue + 60} 60% 45%)`);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  context.fillStyle = `hsl(${hue + 180} 60% 60%)`;
  context.arc(width * 0.7, height * 0.35, height * 0.14, 0, 7);
  context.fill();
  return canvas.convertToBlob({ type, quality: 0.8 });
}

/** @returns {Promise<any>} */
async function photo(name, hue, width, height, more = {}) {
  const content = new File([await paint(hue, width, height)], name);
  const thumb = await paint(hue, Math.round(width / 20), Math.round(height / 20));
  const hints = { width, height, thumb, mime: "image/jpeg", size: content.size, content };
  return fileOf("image", name, { ...hints, ...more });
}

/** A room with files in every state. */
async function fillFilesRoom() {
  const wave = Uint8Array.from({ length: 64 }, (_, at) => 30 + 200 * Math.sin(at / 5) ** 2);
  const many = [1, 2, 3, 4, 5, 6].map((at) => photo(`trip-${at}.jpg`, at * 50, 800, 600));
  const large = { size: 84_000_000, mime: "video/mp4" };
  const pdf = new File(["%PDF-1.7"], "report.pdf");
  ROWS["r-files"] = [
    filesRow("u-alice", 5 * HOUR_MS, [await photo("lake.jpg", 200, 1200, 800)], {
      text: "The lake this morning",
    }),
    filesRow(ME.id, 4 * HOUR_MS, [await photo("garden.jpg", 90, 600, 800, { state: "intact" })]),
    filesRow("u-alice", 3 * HOUR_MS, await Promise.all(many)),
    filesRow("u-alice", 2 * HOUR_MS, [
      fileOf("file", "report.pdf", { content: pdf }),
      fileOf("file", "a name so long that it cannot stand on one line of a phone.tar.gz"),
      fileOf("file", "تقرير.docx", { state: "damaged" }),
      fileOf("file", "contract.pdf", { state: "wrong-sender" }),
    ]),
    filesRow("u-alice", HOUR_MS, [
      fileOf("voice", "voice.ogg", { durationMs: 12_400, wave, size: 48_000, mime: "audio/ogg" }),
      fileOf("audio", "song.mp3", { durationMs: 185_000, mime: "audio/mpeg" }),
      fileOf("file", "old.zip", { state: "gone" }),
      fileOf("file", "notes.txt", { state: "failed", failure: "unavailable" }),
    ]),
    filesRow(
      ME.id,
      MINUTE_MS,
      [
        await photo("sea.jpg", 180, 1600, 900, { state: "sending", doneBytes: 60_000, size: 2e5 }),
        fileOf("video", "film.mp4", {
          ...large,
          thumb: await paint(20, 32, 18),
          width: 1920,
          height: 1080,
          state: "paused",
          doneBytes: 35_280_000,
        }),
        fileOf("file", "plans.zip", { state: "waiting" }),
      ],
      { state: "pending", seq: null, text: "Ảnh và kế hoạch" },
    ),
    filesRow(
      ME.id,
      0,
      [fileOf("file", "too large.iso", { state: "failed", failure: "too_large" })],
      {
        state: "failed",
        failure: "too_large",
      },
    ),
  ];
  ROOMS.unshift(room("r-files", ALICE, MINUTE_MS));
}

/** Pages as session/calls.js cuts them. */
function pageOf(rows, { before, after, around, limit = 50 }) {
  const at = (wanted) => {
    const index = rows.findIndex((each) => each.order >= wanted);
    return index < 0 ? rows.length : index;
  };
  let from = Math.max(0, (before === undefined ? rows.length : at(before)) - limit);
  let to = before === undefined ? rows.length : at(before);
  if (after !== undefined) [from, to] = [at(after + 1), at(after + 1) + limit];
  if (around !== undefined)
    [from, to] = [Math.max(0, at(around) - limit / 2), at(around) + limit / 2];
  return { rows: rows.slice(from, to), hasOlder: from > 0, hasNewer: to < rows.length };
}

/** @returns {any} */
function room(id, peer, agoMs, more = {}) {
  return {
    id,
    peer,
    createdMs: NOW_MS - 3 * DAY_MS,
    expiresMs: NOW_MS + 3 * DAY_MS + 4 * HOUR_MS,
    keptBy: [],
    unread: 0,
    firstUnreadSeq: null,
    lastRow: ROWS[id].at(-1),
    lastActivityMs: NOW_MS - agoMs,
    draft: "",
    typing: false,
    sendBlocked: null,
    ...more,
  };
}

const ROOMS = [
  room("r-minh", MINH, MINUTE_MS, { typing: true }),
  room("r-ha", HA, 12 * MINUTE_MS, { unread: 1, firstUnreadSeq: 15, sendBlocked: "identity" }),
  room("r-alice", ALICE, 4 * HOUR_MS, {
    unread: 2,
    firstUnreadSeq: 13,
    expiresMs: NOW_MS + 9 * HOUR_MS,
    keptBy: ["u-alice"],
    draft: "So glad you like it",
  }),
];

const DEVICES = [
  ["d1", "Chrome trên Linux", "Linux", 0, true],
  ["d2", "Safari on iPhone", "iPhone", 2 * HOUR_MS, false],
  ["d3", "Firefox trên Windows", "Windows", 9 * DAY_MS, false],
].map(([deviceId, name, platform, agoMs, current]) => ({
  deviceId,
  name,
  platform,
  addedMs: NOW_MS - 40 * DAY_MS,
  lastUsedMs: NOW_MS - Number(agoMs),
  current,
  signedIn: deviceId !== "d3",
}));

/** What opening a file of this name brings; any other is intact, from somebody verified. */
const ORIGINS = {
  known: { kind: "known", user: "u-alice", name: "Alice Moreau", verified: false },
  own: { kind: "own", user: "u-lan", name: "Nguyễn Thị Lan", verified: false },
  stranger: { kind: "stranger", user: "u-x", name: "", verified: false },
  removed: { kind: "removed", user: "u-minh", name: "Trần Quang Minh", verified: true },
  passphrase: { kind: "passphrase", user: null, name: "", verified: false },
};
const VERIFIED = { kind: "known", user: "u-minh", name: "Trần Quang Minh", verified: true };
const REFUSALS = ["damaged", "wrong-sender", "not-for-us", "not-sealed", "newer"];

function openFake({ file, passphrase }) {
  const name = file.name.replace(/\.seal$/, "");
  if (name === "passphrase" && passphrase === undefined)
    return { verdict: "passphrase-needed", name: "" };
  if (name === "passphrase" && passphrase === "wrong") return { verdict: "not-for-us", name: "" };
  if (REFUSALS.includes(name)) return { verdict: name, name: "Trần Quang Minh" };
  const content = new File([file], name, { type: "application/octet-stream" });
  const origin = ORIGINS[name] ?? VERIFIED;
  return { verdict: "intact", file: content, origin, sealedMs: NOW_MS - 3 * DAY_MS };
}

/**
 * The same interface as session/client.js.
 * @returns {import("../../frontend/js/session/types.js").Engine}
 */
export function connectEngine() {
  const asked = new URLSearchParams(location.search);
  const scene = asked.get("scene") ?? "welcome";
  const answerMs = Number(asked.get("answer_ms") ?? 350);
  /** @type {Map<string, Set<(value: any) => void>>} */
  const listeners = new Map();
  const emit = (name, value) => listeners.get(name)?.forEach((fn) => fn(value));
  let people = scene === "empty" ? { people: [], invites: [] } : PEOPLE;
  let me = scene === "strict" ? { ...ME, terms: { fileBytes: 10, links: false } } : ME;
  /** @type {(files: any[]) => void} */
  let hand = () => {};
  const fail = (/** @type {string} */ code) => {
    throw new AppError(code);
  };
  const transfers = fakeTransfers(scene, { emit, fail });

  if (scene === "long") fillLongRoom();
  // What somebody else writes, for tests: receive("r-minh", "text").
  globalThis.receive = (id, text) => {
    const news = row(id, "u-minh", text, 0, { sentMs: Date.now() });
    (ROWS[id] ??= []).push(news);
    const found = ROOMS.find((each) => each.id === id);
    found.unread += 1;
    emit("messages", { room: id, rows: [news], removed: [] });
    emit(
      "rooms",
      ROOMS.map((each) => ({ ...each })),
    );
  };

  // The network coming and going, for tests: tellConnection("offline").
  globalThis.tellConnection = (status) => emit("connection", { status, retryAtMs: null });

  async function ready() {
    if (scene === "files" && ROWS["r-files"] === undefined) await fillFilesRoom();
    emit("me", me);
    emit("people", people);
    emit("rooms", scene === "empty" ? [] : ROOMS);
    transfers.tell();
    globalThis.tellConnection(scene === "offline" ? "offline" : "online");
    return { step: "ready", phase: "ready" };
  }
  /** @param {string} user @param {string | null} relation null forgets the person */
  function relate(user, relation) {
    const others = people.people.filter((one) => one.id !== user);
    const found = people.people.find((one) => one.id === user);
    people = {
      ...people,
      people: relation && found ? [...others, { ...found, relation }] : others,
    };
    emit("people", people);
    return {};
  }

  const calls = {
    boot: () => {
      if (scene === "broken") throw new AppError("storage_failed");
      if (scene === "expired") return { phase: "expired", email: ME.email };
      if (scene === "unlock") return { phase: "unlock", email: ME.email };
      if (scene === "recovery") return { phase: "recovery", recoveryCode: RECOVERY_CODE };
      if (scene === "unsupported") return { phase: "unsupported", reason: "indexeddb" };
      return scene === "welcome" ? { phase: "welcome" } : ready();
    },
    passwordStrength: ({ password }) => ({
      level: password.length < 10 ? 0 : Math.min(4, Math.floor(password.length / 6)),
      hint: password.length < 10 ? "too_short" : "",
    }),
    suggestPassphrase: () => ({ passphrase: "maple-river-cotton-lantern-seven-harbour" }),
    signUp: ({ password }) => {
      if (password.length < 10) throw new AppError("weak_password");
      return { step: "code", resendAfterMs: 60_000 };
    },
    logIn: ({ password }) => {
      if (password === "wrong") throw new AppError("bad_credentials");
      return { step: "code", resendAfterMs: 60_000 };
    },
    resendCode: () => ({ resendAfterMs: 60_000 }),
    submitCode: ({ code }) => {
      if (code === "000000") throw new AppError("bad_code");
      return { step: "recovery", recoveryCode: RECOVERY_CODE };
    },
    confirmRecovery: ({ lastGroup }) => {
      if (lastGroup.toUpperCase() !== RECOVERY_CODE.slice(-4))
        throw new AppError("bad_recovery_code");
      return ready();
    },
    unlockWithRecovery: () => {
      throw new AppError("bad_recovery_code");
    },
    startNewIdentity: () => ({ step: "recovery", recoveryCode: RECOVERY_CODE }),
    forgotPassword: () => ({ step: "code", resendAfterMs: 60_000 }),
    resetPassword: () => ({ step: "unlock" }),
    logOut: () => (emit("signedOut", { reason: "logged_out" }), {}),
    setDisplayName: ({ displayName }) => (emit("me", (me = { ...me, displayName })), {}),
    setPreferences: (preferences) => (emit("me", (me = { ...me, preferences })), {}),
    changePassword: ({ oldPassword }) => {
      if (oldPassword === "wrong") throw new AppError("wrong_password");
      return {};
    },
    newRecoveryCode: () => ({ recoveryCode: RECOVERY_CODE }),
    devices: () => ({ devices: DEVICES }),
    removeDevice: ({ password }) => {
      if (password === "wrong") throw new AppError("wrong_password");
      return {};
    },
    addContact: ({ query }) => {
      if (query.includes("@")) return { kind: "email" };
      if (!/^[0-9a-f]{12}$/.test(query)) throw new AppError("not_found");
      return { kind: "code" };
    },
    acceptContact: ({ user }) => (relate(user, "accepted"), { room: "r-minh" }),
    removeContact: ({ user }) => relate(user, null),
    withdrawInvite: () => (emit("people", (people = { ...people, invites: [] })), {}),
    block: ({ user }) => relate(user, "blocked"),
    unblock: ({ user }) => relate(user, null),
    safetyNumber: ({ user }) => ({
      groups: Array.from({ length: 12 }, (_, index) => String(10007 + index * 7919).slice(0, 5)),
      verified: user === "u-minh",
      identity: people.people.find((one) => one.id === user)?.identity ?? "new",
    }),
    setVerified: ({ user, on }) => {
      const identity = on ? "verified" : "new";
      const seen = people.people.map((one) => (one.id === user ? { ...one, identity } : one));
      emit("people", (people = { ...people, people: seen }));
      return {};
    },
    acceptIdentity: () => ({}),
    openDm: ({ user }) => ({ room: `r-${user.slice(2)}` }),
    messages: ({ room: id, ...where }) => pageOf(ROWS[id] ?? [], where),
    sendMessage: ({ room: id, text }) => {
      const mine = row(id, ME.id, text, 0, { state: "pending", seq: null, sentMs: Date.now() });
      (ROWS[id] ??= []).push(mine);
      emit("messages", { room: id, rows: [mine], removed: [] });
      const later = (state, delayMs) =>
        setTimeout(
          () =>
            emit("messages", {
              room: id,
              rows: [{ ...mine, state, seq: mine.order }],
              removed: [],
            }),
          delayMs,
        );
      ["sent", "delivered", "read"].forEach((state, index) => later(state, 600 * (index + 1)));
      return { key: mine.key };
    },
    sendFiles: async ({ room: id, text, files }) => {
      if (files.some(({ file }) => file.name === "huge.iso")) throw new AppError("too_large");
      const shown = files.map(({ file, ...hints }) => {
        const mime = file.type || "application/octet-stream";
        const kind = hints.wave === null ? (mime.split("/")[0] ?? "") : "voice";
        const show = ["image", "video", "audio", "voice"].includes(kind) ? kind : "file";
        const { name, size } = file;
        return fileOf(show, name, { ...hints, mime, size, content: file, state: "sending" });
      });
      const mine = filesRow(ME.id, 0, shown, { room: id, text, state: "pending", seq: null });
      hand(files);
      (ROWS[id] ??= []).push(mine);
      emit("messages", { room: id, rows: [mine], removed: [] });
      return { key: mine.key };
    },
    pauseAttachment: ({ room: id, key, on }) =>
      changeFiles(id, key, (file) => ({ ...file, state: on ? "paused" : "sending" })),
    cancelAttachment: ({ room: id, key, index }) =>
      changeFiles(id, key, (file) => (file.index === index ? null : file)),
    fetchAttachment: ({ room: id, key, index }) => {
      const content = CONTENTS.get(`${key} ${index}`);
      if (content === undefined) throw new AppError("unavailable");
      changeFiles(id, key, (file) => (file.index === index ? { ...file, state: "intact" } : file));
      return { file: content };
    },
    retryMessage: () => ({}),
    discardMessage: ({ room: id, key }) => (
      emit("messages", { room: id, rows: [], removed: [key] }),
      {}
    ),
    markRead: ({ room: id, seq }) => {
      const found = ROOMS.find((each) => each.id === id);
      found.unread = (ROWS[id] ?? []).filter((each) => !each.mine && each.seq > seq).length;
      emit(
        "rooms",
        ROOMS.map((each) => ({ ...each })),
      );
      return {};
    },
    setTyping: () => ({}),
    saveDraft: () => ({}),
    keepRoom: () => ({}),
    deleteRoom: () => ({}),
    setActive: () => ({}),
    sealFile: ({ file, to, job }) => {
      if (file.name === "full.bin") throw new AppError("disk_full");
      if (file.name === "slow.bin") return workFor(job, file.size);
      return { file: new File([file, to.kind], `${file.name}.seal`) };
    },
    openFile: openFake,
    cancelFile: () => ({}),
    releaseFile: () => ({}),
    ...transfers.calls,
  };
  /** @param {string} id @param {string} key @param {(file: any) => any} change null takes the file away */
  function changeFiles(id, key, change) {
    const at = ROWS[id].findIndex((each) => each.key === key);
    const files = ROWS[id][at].files.map(change).filter((file) => file !== null);
    ROWS[id][at] = { ...ROWS[id][at], files };
    emit("messages", { room: id, rows: [ROWS[id][at]], removed: [] });
    return {};
  }
  // What this page sends, for tests.
  globalThis.sentFiles = new Promise((resolve) => {
    hand = resolve;
  });
  // What somebody else sends, for tests: receiveFiles([{ show, name, mime, content }]).
  globalThis.receiveFiles = (files) => {
    const news = filesRow(
      "u-alice",
      0,
      files.map(({ show, name, ...more }) => fileOf(show, name, more)),
    );
    ROWS["r-files"].push(news);
    emit("messages", { room: "r-files", rows: [news], removed: [] });
  };

  /** A job that comes half-way and stays there. */
  function workFor(job, totalBytes) {
    emit("fileProgress", { job, doneBytes: totalBytes * 0.42, totalBytes });
    return new Promise(() => {});
  }

  return {
    async call(name, argument) {
      (globalThis.engineCalls ??= []).push(name);
      await new Promise((resolve) => {
        setTimeout(resolve, name === "passwordStrength" ? 5 : answerMs);
      });
      if (scene === "offline" && name !== "boot" && !name.endsWith("File"))
        throw new AppError("offline");
      return calls[name](argument);
    },
    on(name, fn) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(fn));
      return () => set.delete(fn);
    },
  };
}
