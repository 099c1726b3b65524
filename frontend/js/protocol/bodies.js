/** Answers of `/api` as the browser checks them, mirror of protocol/bodies.py. */

import { friendCode, hash, id16, point, roomId, signature, signedBytes } from "./fields.js";
import {
  BACKUP_BYTES,
  CLAIM_TARGETS,
  FILE_BYTES,
  FILE_PART_BYTES,
  FILES_PER_TRANSFER,
  LINK_MANIFEST_BYTES,
  LIST_ENTRIES,
  SEALED_HEAD_BYTES,
} from "./limits.js";
import {
  base64UpTo,
  count,
  flag,
  list,
  matching,
  millis,
  nullable,
  object,
  oneOf,
  optional,
  text,
} from "./shape.js";

/** @import { Of } from "./shape.js" */

export const empty = object({});
export const ticketAnswer = object({ ticket: text(64) });

const kdf = object({ alg: text(16), m_kib: count, t: count, p: count });
export const preloginAnswer = object({ salt: id16, kdf });

const settings = object({ read_receipts: flag, presence: flag });
const ownFields = {
  id: id16,
  email: text(254),
  display_name: text(256),
  friend_code: friendCode,
  role: oneOf("user", "admin"),
  settings,
};
export const me = object(ownFields);
export const ownAccount = object({
  ...ownFields,
  server: object({ file_bytes: count, links: flag }),
});
export const session = object({
  access_token: text(2048),
  expires_in_s: count,
  user: me,
  login_id: id16,
});
const nextStep = object({ next: oneOf("otp", "totp"), ticket: text(64) });

/** @type {import("./shape.js").Shape<Of<typeof session> | Of<typeof nextStep>>} */
export const sessionOrNextStep = (value, path) => {
  const isNextStep = typeof value === "object" && value !== null && Object.hasOwn(value, "next");
  return isNextStep ? nextStep(value, path) : session(value, path);
};

const wrap = object({
  method: oneOf("password", "recovery"),
  kdf: nullable(kdf),
  salt: nullable(id16),
  wrap: base64UpTo(BACKUP_BYTES),
});
export const backup = object({
  version: count,
  brk_id: id16,
  wraps: list(wrap, 4),
  identity: base64UpTo(BACKUP_BYTES),
});

export const loginList = object({
  logins: list(
    object({
      login_id: id16,
      device_id: nullable(id16),
      device: object({ name: text(256), platform: text(32) }),
      created_ms: millis,
      last_used_ms: millis,
      current: flag,
    }),
  ),
});

export const person = object({ id: id16, display_name: text(256), friend_code: friendCode });
export const contact = object({
  user: person,
  state: oneOf("incoming", "outgoing", "accepted"),
  created_ms: millis,
});
export const contactList = object({
  contacts: list(contact),
  invites: list(object({ email: text(254), created_ms: millis })),
  blocked: list(person),
});

const signedPreKey = object({
  id: count,
  pub: point,
  created_ms: millis,
  expires_ms: millis,
  sig: signature,
});
const oneTimePreKey = object({ id: count, pub: point, sig: signature });
export const signedList = object({ version: count, devlist: signedBytes, sig: signature });
const certificate = object({
  device_id: id16,
  cert: signedBytes,
  sig_a: signature,
  sig_p: signature,
});
export const deviceDirectory = object({
  user: id16,
  aik: point,
  lists: list(signedList),
  certificates: list(certificate, LIST_ENTRIES),
});
export const prekeyCount = object({ opk: count, spk_id: count, spk_age_ms: count });
export const claimAnswer = object({
  bundles: list(
    object({
      user: id16,
      device: id16,
      cert_hash: hash,
      spk: signedPreKey,
      opk: nullable(oneTimePreKey),
    }),
    CLAIM_TARGETS,
  ),
});
export const cursor = object({ room: nullable(roomId), msg_id: nullable(id16) });

const member = object({
  user_id: id16,
  role: oneOf("admin", "member"),
  delivered_seq: count,
  read_seq: count,
  keep: flag,
});
export const room = object({
  id: roomId,
  kind: oneOf("dm"),
  nonce: id16,
  members: list(member, 2),
  last_seq: count,
  created_ms: millis,
  expires_ms: millis,
});
export const roomList = object({ rooms: list(room) });
export const sendAnswer = object({ seq: count, server_ms: millis, frank: hash });
export const fileState = object({
  id: id16,
  parts: count,
  received: list(count, FILE_BYTES / FILE_PART_BYTES),
  state: oneOf("pending", "committed"),
});
export const fileGrant = object({
  token: text(1024),
  expires_ms: millis,
  size_bytes: count,
  direct: optional(flag),
});
/** Of a bucket: nobody else is told anything in the clear, and nothing of the server's choice goes along. */
const partUrl = matching(
  /^(https:\/\/[^\s/@]+|http:\/\/(localhost|127\.0\.0\.1)(:\d+)?)\/\S{1,8192}$/,
);
export const putAddress = object({
  url: partUrl,
  headers: object({ "Content-Type": text(64), "x-amz-checksum-sha256": text(64) }),
  expires_ms: millis,
});
export const getAddress = object({ url: partUrl, expires_ms: millis });

const transferFiles = list(object({ id: id16, size_bytes: count }), FILES_PER_TRANSFER);
export const sentTransfer = object({
  id: id16,
  kind: oneOf("person", "address", "link"),
  state: oneOf("draft", "open"),
  user: nullable(id16),
  email: nullable(text(254)),
  has_passphrase: flag,
  is_sealed: flag,
  created_ms: millis,
  expires_ms: millis,
  files: transferFiles,
  downloads: count,
  max_downloads: nullable(count),
  downloaded_ms: nullable(millis),
});
export const sentTransfers = object({ transfers: list(sentTransfer) });
export const receivedTransfer = object({
  id: id16,
  state: oneOf("offered", "accepted", "sealed"),
  sender: person,
  created_ms: millis,
  expires_ms: millis,
  files: transferFiles,
  downloads_left: nullable(count),
  downloaded_ms: nullable(millis),
});
export const receivedTransfers = object({ transfers: list(receivedTransfer) });
export const transferHeads = object({
  heads: list(base64UpTo(SEALED_HEAD_BYTES), FILES_PER_TRANSFER),
});
export const linkInfo = object({ has_passphrase: flag, expires_ms: millis });
export const linkContents = object({
  manifest: base64UpTo(LINK_MANIFEST_BYTES),
  files: transferFiles,
  expires_ms: millis,
  downloads_left: nullable(count),
});
export const linkGrant = object({
  token: text(1024),
  expires_ms: millis,
  direct: optional(flag),
});

export const errorAnswer = object({
  error: object({
    code: text(64),
    request_id: optional(text(128)),
    retry_after_ms: optional(count),
    limit: optional(text(64)),
    users: optional(list(id16)),
  }),
});

/** @typedef {Of<typeof session>} Session */
/** @typedef {Of<typeof me>} Me */
/** @typedef {Of<typeof ownAccount>} OwnAccount */
/** @typedef {Of<typeof kdf>} Kdf */
/** @typedef {Of<typeof backup>} Backup */
/** @typedef {Of<typeof wrap>} Wrap */
/** @typedef {Of<typeof person>} Person */
/** @typedef {Of<typeof contactList>} ContactList */
/** @typedef {Of<typeof signedList>} SignedList */
/** @typedef {Of<typeof deviceDirectory>} DeviceDirectory */
/** @typedef {Of<typeof claimAnswer>["bundles"][number]} Bundle */
/** @typedef {Of<typeof room>} Room */
/** @typedef {Of<typeof member>} Member */
/** @typedef {Of<typeof sentTransfer>} WireSentTransfer */
/** @typedef {Of<typeof receivedTransfer>} WireReceivedTransfer */
