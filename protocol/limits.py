"""Every bound of the protocol: value, unit in the name, and what would change if it moved.

Rates of single actions are one table in `services/quotas.py`; what the browser must know too stands
in `frontend/js/protocol/limits.js` under the same names, which a test compares.
"""

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# Sign-in
ACCESS_TOKEN_TTL_MS = 15 * MINUTE_MS  # how long a stolen access token could still be used
REFRESH_TOKEN_TTL_MS = 7 * DAY_MS  # a browser that is not opened for a week logs in again
REFRESH_GRACE_MS = 10 * SECOND_MS  # a lost answer or a second tab gets the same successor
CODE_TTL_MS = 10 * MINUTE_MS  # S-05
CODE_DIGITS = 6
CODE_ATTEMPTS = 5  # S-05: with 6 digits, at most 5 guesses in a million per code
CODE_RESEND_MS = 60 * SECOND_MS
REAUTHENTICATION_MS = 5 * MINUTE_MS  # S-08: how fresh a log-in must be to replace an identity

# Accounts
EMAIL_CHARS = 254  # RFC 5321 §4.5.3.1.3
DISPLAY_NAME_CHARS = 64
DEVICE_NAME_CHARS = 64
KDF_MIN_M_KIB = 65_536  # SEAL1 §4.11: the floor a client accepts, and the server stores
KDF_MAX_M_KIB = 1_048_576
KDF_MIN_T = 3
KDF_MAX_T = 16
CONTACTS_PER_USER = 1_000
BACKUP_BYTES = 256 * 1024  # identity, pins and trust records of a thousand contacts fit

# Keys
DEVICES_PER_USER = 16  # every message is sealed to each of them
LIST_ENTRIES = 64  # revoked devices stay in the list as tombstones
PREKEYS_PER_UPLOAD = 100
PREKEYS_STORED = 200
PREKEYS_LOW = 25
CLAIM_TARGETS = 64
SPK_TTL_MS = 14 * DAY_MS
SPK_ACCEPT_MS = 31 * DAY_MS  # past expiry; older devices count as inactive (SEAL1 §4.3)

# Rooms and messages
ROOM_TTL_MS = 7 * DAY_MS  # S2-9
HISTORY_PAGE = 50  # S1-130
SYNC_PAGE = 200
PAYLOAD_BYTES = 256 * 1024  # SEAL1 §4.16
CAPSULES_PER_MESSAGE = 1_024
CAPSULE_BYTES = 512  # header 75, ciphertext 124, or with room for another suite
MESSAGE_CHARS = 10_000  # S1-33, counted by the browser: the server sees ciphertext

# Files
FILE_PART_BYTES = 4 * 1024 * 1024  # SEAL1 §4.12: parts are hashed, sent and stored one by one
FILE_BYTES = 128 * 1024**3  # of ciphertext: 32,768 parts; their hashes are 1 MiB
FILE_PENDING_TTL_MS = DAY_MS  # how long an upload may be interrupted
FILE_UPLOAD_TTL_MS = 7 * DAY_MS  # how long it may take: what rooms and transfers live
FILES_PER_MESSAGE = 10  # counted by clients: the server sees ciphertext
FILE_GRANT_TTL_MS = 10 * MINUTE_MS  # how long parts can be had without asking the device again
FILE_GRANT_SKEW_MS = 5 * MINUTE_MS  # how far a device's clock may be off
PART_SECONDS = 240  # for one part to arrive: 17 KiB/s, less than a bad mobile connection
PART_PUT_ADDRESS_MS = 5 * MINUTE_MS  # S-44: as long as a part may take through the server
PART_GET_ADDRESS_MS = MINUTE_MS  # S-44: how long whoever may read no more can still begin to
PIECE_READ_SECONDS = 30  # for a reader to take PIECE_BYTES, or the download ends

# Transfers and links
TRANSFER_TTL_MS = 7 * DAY_MS  # S3-15: the longest, and what is taken unless its sender says less
TRANSFER_MIN_TTL_MS = HOUR_MS
FILES_PER_TRANSFER = 10
TRANSFERS_PER_USER = 100  # live at a time, so that a list of them is one answer
TRANSFERS_SHOWN = 300  # in an inbox, of those for its owner and of offers each
TRANSFER_DOWNLOADS = 1_000  # the highest limit that can be set; none is possible too
SEALED_HEAD_BYTES = 32 * 1024  # SEAL1 §11.1 in docs/crypto.md, for DEVICES_PER_USER recipients
LINK_MANIFEST_BYTES = 32 * 1024  # FILES_PER_TRANSFER names and keys, and who signed
LINK_GRANT_TTL_MS = DAY_MS  # how long a download that was interrupted can go on
REPORT_CHARS = 1_000
REPORTS_PER_TRANSFER = 20
REPORT_TTL_MS = 90 * DAY_MS  # time enough for an operator to look at it

# Connections
PRE_AUTH_FRAME_BYTES = 16 * 1024
FRAME_BYTES = 512 * 1024
BODY_BYTES = 2 * 1024 * 1024
AUTHENTICATE_MS = 10 * SECOND_MS
PING_INTERVAL_MS = 20 * SECOND_MS
PONG_TIMEOUT_MS = 10 * SECOND_MS
SILENCE_MS = 60 * SECOND_MS  # over TCP, where nobody pings for the client
CATCH_UP_MS = 5 * SECOND_MS  # how late a message may come that the bus lost
OUTGOING_FRAMES = 256  # a reader further behind than this comes back through `sync`
OUTGOING_BYTES = 1024 * 1024
FRAMES_PER_SECOND = 50
FRAME_BURST = 200  # a browser coming back on-line answers a page of messages at once
BAD_FRAMES = 5  # then the connection is closed with BAD_FRAMES
SOCKETS_PER_USER = 20
TYPING_TTL_MS = 6 * SECOND_MS
