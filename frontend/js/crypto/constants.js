/**
 * The closed list of labels and every limit of SEAL1, each with its reason.
 *
 * A label separates one use of a key from all others (Nebuchadnezzar and Threema both fell for the
 * want of it), so none is spelled anywhere else and none is ever reused for a second purpose.
 */

export const LABEL = Object.freeze({
  identity: "SEAL1/id",
  x3dh: "SEAL1/x3dh",
  x3dhSecret: "SEAL1/x3dh/sk",
  sessionId: "SEAL1/sid",
  root: "SEAL1/root",
  message: "SEAL1/msg",
  payload: "SEAL1/payload",
  payloadContext: "SEAL1/payload/ad",
  franking: "SEAL1/frank",
  serverFranking: "SEAL1/frank/srv",
  directRoom: "SEAL1/dm",
  roomEvent: "SEAL1/room/ev",
  deviceCertificate: "SEAL1/devcert",
  deviceList: "SEAL1/devlist",
  fingerprint: "SEAL1/fp",
  qr: "SEAL1/qr",
  sasCommit: "SEAL1/sas/commit",
  sas: "SEAL1/sas",
  sasMac: "SEAL1/sas/mac",
  passwordSalt: "SEAL1/pw-salt",
  auth: "SEAL1/auth",
  backupWrap: "SEAL1/backup/wrap",
  backupPasswordKey: "SEAL1/backup/kek-pw",
  backupRecoveryKey: "SEAL1/backup/kek-rc",
  backupPasskeyKey: "SEAL1/backup/kek-prf",
  backupIdentity: "SEAL1/backup/identity",
  backupHistoryWrap: "SEAL1/backup/hist-wrap",
  backupSegmentKey: "SEAL1/backup/segment",
  backupSegment: "SEAL1/backup/seg",
  recoveryCode: "SEAL1/rc",
  file: "SEAL1/file",
  fileRoot: "SEAL1/file/root",
  linkAuth: "SEAL1/link/auth",
  linkManifest: "SEAL1/link/manifest",
  linkPassword: "SEAL1/link/pw",
  link: "SEAL1/link",
  sealedFile: "SEAL1/sealed-file",
  sealedFileSlot: "SEAL1/sealed-file/slot",
  sealedFilePasswordSalt: "SEAL1/sealed-file/pw-salt",
  sealedFilePassword: "SEAL1/sealed-file/pw",
  sealedFileKey: "SEAL1/sealed-file/key",
  sealedFileManifest: "SEAL1/sealed-file/manifest",
  storedSession: "SEAL1/store/session",
  storedKey: "SEAL1/store/key",
  appLock: "SEAL1/applock",
  callFrames: "SEAL1/call/sframe",
});

/** What a signature is for; the label of purpose p is SIGNATURE_PREFIX ‖ p. */
export const PURPOSES = Object.freeze(
  /** @type {const} */ ([
    "devcert",
    "devcert-pop",
    "devlist",
    "spk",
    "opk",
    "pqspk",
    "room-ev",
    "file",
    "file-grant",
    "sealed-file",
    "link",
    "aik-rotate",
    "devauth",
  ]),
);
export const SIGNATURE_PREFIX = "SEAL1/sig/";

/** @typedef {(typeof LABEL)[keyof typeof LABEL]} Label */
/** @typedef {(typeof PURPOSES)[number]} Purpose */

// Sizes of the primitives
export const POINT_BYTES = 65; // uncompressed SEC1; engines also take 33, we never do
export const SIGNATURE_BYTES = 64;
export const KEY_BYTES = 32;
export const HASH_BYTES = 32;
export const IV_BYTES = 12;
export const TAG_BYTES = 16;
export const ID_BYTES = 16; // users, devices, messages, sessions, backups
export const ROOM_ID_BYTES = 32;

// Suites: bit n-1 of a certificate's bitmap says that suite n is understood
export const SUITE = 1;
export const SUITES_BITMAP = 0b1;

// Prekeys (SEAL1 §4.3)
const DAY_MS = 86_400_000;
export const SIGNED_PREKEY_ROTATE_MS = 7 * DAY_MS; // how long one leaked private key exposes new sessions
export const SIGNED_PREKEY_TTL_MS = 14 * DAY_MS; // twice the rotation: a device may be off for a week
export const SIGNED_PREKEY_KEEP_MS = 21 * DAY_MS; // 7 d in use + 14 d for messages still on the way
export const SIGNED_PREKEY_GRACE_MS = 31 * DAY_MS; // past expiry; older devices count as inactive
export const FIRST_PREKEY_ID_LIMIT = 2 ** 30; // half the id space of 2^31, so that no device counts past its end
export const ONE_TIME_PREKEYS = 100; // one upload: 100 signatures cost 35 ms in Chromium

// Double Ratchet (SEAL1 §4.5)
export const HEADER_BYTES = 75; // u8 version ‖ u8 type ‖ point ‖ u32 PN ‖ u32 N
export const HEADER_VERSION = 1;
export const HEADER_TYPE = 1;
export const MAX_SKIP = 1_000; // derivations one forged header can cost per chain: about 100 ms
export const MAX_STORED_SKIPPED = 2_000; // per session, first in first out
export const SKIPPED_TTL_MS = 8 * DAY_MS; // the server forgets after 7 d, one day for clocks
export const COUNTER_LIMIT = 2 ** 31; // N and PN stay below: signed and unsigned readers agree
export const CHARGED_DERIVATIONS = 100; // a failed message above this counts against its device
export const STATE_VERSION = 1; // layout of a stored ratchet state

// Payloads and capsules (SEAL1 §4.7)
export const CAPSULE_BYTES = 96;
export const CAPSULE_VERSION = 1;
export const PADDING_STEPS_BYTES = Object.freeze([256, 512, 1_024, 2_048, 4_096]); // above: Padmé
export const MAX_PAYLOAD_BYTES = 256 * 1_024; // the server takes no more

// Safety numbers (SEAL1 §4.10)
export const FINGERPRINT_ITERATIONS = 100_000; // 17 bit of stretch on 99.6 bit of digits
export const FINGERPRINT_BYTES = 30;

// Passwords and backups (SEAL1 §4.11): constants of the client, never asked from the server
export const KDF_DEFAULT = Object.freeze({ alg: "argon2id", mKib: 65_536, t: 3, p: 1 });
export const KDF_MIN_M_KIB = 65_536; // below it a server could ask for a password that is cheap to guess
export const KDF_MIN_T = 3;
export const KDF_MAX_M_KIB = 1_048_576; // above it a server could make the tab run out of memory
export const KDF_MAX_T = 16; // above it a server could make a log-in last minutes
export const KDF_MAX_P = 16;
export const PASSWORD_MIN_CHARS = 10;
export const PASSPHRASE_WORDS = 6; // 65 bits of the generator in passphrase.js
export const RECOVERY_BYTES = 16;
export const RECOVERY_CHARS = 28; // 128 bits of secret and 12 of checksum, five a character
export const BACKUP_METHOD = Object.freeze({ password: 1, recovery: 2, passkey: 3 });

// Files (SEAL1 §4.12)
export const FILE_CHUNK_BYTES = 16_384; // plaintext under one tag, fixed by C2SP chunked-encryption
export const FILE_SALT_BYTES = 24;
export const FILE_PREFIX_BYTES = FILE_SALT_BYTES + HASH_BYTES; // salt ‖ commitment, before the first chunk
export const FILE_PART_BYTES = 4_194_304; // ciphertext that is hashed, and later sent again, as one
export const FILE_NAME_BYTES = 255; // of UTF-8: what common file systems take
export const FILE_TYPE_CHARS = 127; // of a media type: RFC 6838 §4.2

// Links (SEAL1 §4.13)
export const LINK_VERSION = 1;
export const LINK_FILES = 10;
export const LINK_NAME_CHARS = 64; // of what the sender calls itself, as of every display name
export const LINK_STEP_BYTES = 1_024; // a manifest is padded to a multiple, which hides how long the names are

// Sealed files: one file that needs no server
export const SEALED_FILE_VERSION = 1;
export const MAX_SLOTS = 1_024; // devices of all recipients, as in a room
export const MAX_SEALED_HEADER_BYTES = 131_072; // above what MAX_SLOTS need, below what a memory minds
export const MAX_SEALED_MANIFEST_BYTES = 16_384; // above what names and certificates need
