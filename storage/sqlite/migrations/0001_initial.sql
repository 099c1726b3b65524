-- Ids and sealed text are kept as the text they came as; times are milliseconds UTC.
-- Foreign keys stand inside one aggregate only, so that both databases promise the same.

CREATE TABLE accounts (
    user_id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    friend_code TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    salt TEXT NOT NULL,
    kdf_m_kib INTEGER NOT NULL,
    kdf_t INTEGER NOT NULL,
    kdf_p INTEGER NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    read_receipts INTEGER NOT NULL,
    presence INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- wraps: JSON array.
CREATE TABLE backups (
    user_id TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    brk_id TEXT NOT NULL,
    wraps TEXT NOT NULL,
    identity TEXT NOT NULL
) STRICT;

-- registration: JSON object or NULL; failed: wrong attempts so far.
CREATE TABLE codes (
    ticket_hash TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    email TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    sent_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    user_id TEXT,
    registration TEXT,
    failed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX codes_by_email ON codes (purpose, email, sent_ms);
CREATE INDEX codes_by_expiry ON codes (expires_ms);

-- One row for each side of a relation; a request nobody but the requester may see has one row only.
CREATE TABLE relations (
    relation_key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    other TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('incoming', 'outgoing', 'accepted')),
    created_ms INTEGER NOT NULL,
    by_email TEXT,
    UNIQUE (user_id, other)
) STRICT;
CREATE INDEX relations_by_email ON relations (user_id, by_email) WHERE by_email IS NOT NULL;

CREATE TABLE invites (
    invite_key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (user_id, email)
) STRICT;
CREATE INDEX invites_by_email ON invites (email);

CREATE TABLE blocks (
    block_key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    other TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (user_id, other)
) STRICT;

-- active: named as such by the newest list. newest_*: the highest id ever uploaded, -1 for none.
CREATE TABLE devices (
    device_key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL UNIQUE,
    cert TEXT NOT NULL,
    sig_a TEXT NOT NULL,
    sig_p TEXT NOT NULL,
    cert_hash TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    active INTEGER NOT NULL,
    newest_spk INTEGER NOT NULL DEFAULT -1,
    newest_opk INTEGER NOT NULL DEFAULT -1
) STRICT;
CREATE INDEX devices_by_user ON devices (user_id);

-- active: JSON array of device ids in list order.
CREATE TABLE device_lists (
    user_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    aik TEXT NOT NULL,
    devlist TEXT NOT NULL,
    sig TEXT NOT NULL,
    list_hash TEXT NOT NULL,
    active TEXT NOT NULL,
    PRIMARY KEY (user_id, version)
) STRICT;

CREATE TABLE signed_prekeys (
    device_key INTEGER PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    key_id INTEGER NOT NULL,
    pub TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    sig TEXT NOT NULL
) STRICT;

CREATE TABLE one_time_prekeys (
    device_key INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    key_id INTEGER NOT NULL,
    pub TEXT NOT NULL,
    sig TEXT NOT NULL,
    PRIMARY KEY (device_key, key_id)
) STRICT, WITHOUT ROWID;

-- bundles: the answer as JSON, so that a repeated claim gets the same one.
CREATE TABLE claims (
    claim_key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    claim_id TEXT NOT NULL,
    claimed_ms INTEGER NOT NULL,
    bundles TEXT NOT NULL,
    UNIQUE (user_id, device_id, claim_id)
) STRICT;
CREATE INDEX claims_by_time ON claims (claimed_ms);

-- Which one-time prekeys a claimer took, for its share.
CREATE TABLE claimed_prekeys (
    claim_key INTEGER NOT NULL REFERENCES claims ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    target_device TEXT NOT NULL,
    claimed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX claimed_prekeys_by_claim ON claimed_prekeys (claim_key);
CREATE INDEX claimed_prekeys_by_claimer ON claimed_prekeys (user_id, claimed_ms, target_device);

CREATE TABLE logins (
    login_id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    device_id TEXT,
    device_name TEXT NOT NULL,
    platform TEXT NOT NULL,
    address_prefix TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    proven_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_by_user ON logins (user_id, last_used_ms);
CREATE INDEX logins_by_expiry ON logins (expires_ms);

-- Every token a log-in ever had, numbered from 0; the highest number is the current one.
CREATE TABLE refresh_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    login_id TEXT NOT NULL REFERENCES logins ON DELETE CASCADE,
    number INTEGER NOT NULL,
    replaced_ms INTEGER,
    UNIQUE (login_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE trusts (
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    token_hash TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, device_id, token_hash)
) STRICT;
CREATE INDEX trusts_by_expiry ON trusts (expires_ms);

-- pair: the two members of a live two-person room, sorted; NULL once it has ended.
-- A room that was removed or has expired is first retired (its key for an id, expires_ms 0, no members)
-- and then erased in steps; its key is never used again, so that no step can hit another room.
CREATE TABLE rooms (
    room_key INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    nonce TEXT NOT NULL,
    pair TEXT UNIQUE,
    last_seq INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX rooms_by_expiry ON rooms (expires_ms);

CREATE TABLE members (
    room_key INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    delivered_seq INTEGER NOT NULL,
    read_seq INTEGER NOT NULL,
    keep INTEGER NOT NULL,
    PRIMARY KEY (room_key, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);

-- message_key grows in the order of acceptance, over all rooms.
CREATE TABLE messages (
    message_key INTEGER PRIMARY KEY,
    room_key INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    msg_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_device TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    roster_hash TEXT NOT NULL,
    payload TEXT NOT NULL,
    c2 TEXT NOT NULL,
    frank TEXT NOT NULL,
    server_ms INTEGER NOT NULL,
    UNIQUE (room_key, seq),
    UNIQUE (room_key, sender_device, msg_id)
) STRICT;

-- capsule: wire JSON.
CREATE TABLE capsules (
    message_key INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
    device_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    capsule BLOB NOT NULL,
    PRIMARY KEY (message_key, device_id, user_id)
) STRICT, WITHOUT ROWID;
