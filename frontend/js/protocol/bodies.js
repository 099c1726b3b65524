/** Answers of `/api` as the browser checks them, mirror of protocol/bodies.py. */

import { friendCode, hash, id16, point, roomId, signature, signedBytes } from "./fields.js";
import {
  BACKUP_BYTES,
  CLAIM_TARGETS,
  FILE_BYTES,
  FILE_PART_BYTES,
  LIST_ENTRIES,
} from "./limits.js";
import {
  base64UpTo,
  count,
  flag,
  list,
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
export const me = object({
  id: id16,
  email: text(254),
  display_name: text(256),
  friend_code: friendCode,
  role: oneOf("user", "admin"),
  settings,
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
export const fileGrant = object({ token: text(1024), expires_ms: millis, size_bytes: count });

export const errorAnswer = object({
  error: object({
    code: text(64),
    request_id: optional(text(128)),
    retry_after_ms: optional(count),
    users: optional(list(id16)),
  }),
});

/** @typedef {Of<typeof session>} Session */
/** @typedef {Of<typeof me>} Me */
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
