/**
 * The bounds of the protocol that a browser has to know, under the names and values of
 * protocol/limits.py; a test compares them.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

// Sign-in
export const CODE_DIGITS = 6;
export const CODE_RESEND_MS = 60 * SECOND_MS;

// Accounts
export const EMAIL_CHARS = 254;
export const DISPLAY_NAME_CHARS = 64;
export const DEVICE_NAME_CHARS = 64;
export const BACKUP_BYTES = 256 * 1024;

// Keys
export const LIST_ENTRIES = 64;
export const PREKEYS_PER_UPLOAD = 100;
export const PREKEYS_STORED = 200;
export const PREKEYS_LOW = 25;
export const CLAIM_TARGETS = 64;

// Rooms and messages
export const ROOM_TTL_MS = 7 * DAY_MS;
export const HISTORY_PAGE = 50;
export const SYNC_PAGE = 200;
export const PAYLOAD_BYTES = 256 * 1024;
export const CAPSULE_BYTES = 512;
export const MESSAGE_CHARS = 10_000;

// Files
export const FILE_PART_BYTES = 4 * 1024 * 1024;
export const FILE_BYTES = 128 * 1024 ** 3;
export const FILES_PER_MESSAGE = 10;

// Transfers and links
export const TRANSFER_TTL_MS = 7 * DAY_MS;
export const TRANSFER_MIN_TTL_MS = 60 * MINUTE_MS;
export const FILES_PER_TRANSFER = 10;
export const TRANSFER_DOWNLOADS = 1_000;
export const SEALED_HEAD_BYTES = 32 * 1024;
export const LINK_MANIFEST_BYTES = 32 * 1024;
export const REPORT_CHARS = 1_000;

// Connections
export const FRAME_BYTES = 512 * 1024;
export const BODY_BYTES = 2 * 1024 * 1024;
export const AUTHENTICATE_MS = 10 * SECOND_MS;
export const PING_INTERVAL_MS = 20 * SECOND_MS;
export const PONG_TIMEOUT_MS = 10 * SECOND_MS;
export const TYPING_TTL_MS = 6 * SECOND_MS;
