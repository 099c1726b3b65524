-- A file belongs to a room or to a transfer. Its parts move before the old tables go, because a
-- dropped table takes along what refers to it.
ALTER TABLE files RENAME TO old_files;
ALTER TABLE file_parts RENAME TO old_file_parts;

CREATE TABLE files (
    file_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    device_id TEXT NOT NULL,
    room_id TEXT,
    transfer_id TEXT,
    size_bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'committed', 'ended', 'forgotten')),
    hashes BLOB NOT NULL,
    CHECK ((room_id IS NULL) != (transfer_id IS NULL))
) STRICT;
INSERT INTO files
    SELECT file_id, owner, device_id, room_id, NULL, size_bytes, created_ms, state, hashes
    FROM old_files;

CREATE TABLE file_parts (
    file_id TEXT NOT NULL REFERENCES files ON DELETE CASCADE,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (file_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO file_parts SELECT file_id, number, digest FROM old_file_parts;

DROP TABLE old_file_parts;
DROP TABLE old_files;
CREATE INDEX files_by_owner ON files (owner, created_ms, state, size_bytes);
CREATE INDEX files_by_room ON files (room_id) WHERE room_id IS NOT NULL;
CREATE INDEX files_by_transfer ON files (transfer_id) WHERE transfer_id IS NOT NULL;
CREATE INDEX files_by_state ON files (state, created_ms);

-- ends_ms: when nobody finds it any more; sooner than expires_ms while it is a draft.
-- files: JSON array of ids with sizes, empty in a draft.
CREATE TABLE transfers (
    transfer_id TEXT NOT NULL PRIMARY KEY,
    sender TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'address', 'link')),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    recipient TEXT,
    email TEXT,
    max_downloads INTEGER,
    state TEXT NOT NULL CHECK (state IN ('draft', 'open')),
    files TEXT NOT NULL,
    is_sealed INTEGER NOT NULL DEFAULT 0,
    is_hidden INTEGER NOT NULL DEFAULT 0,
    downloads INTEGER NOT NULL DEFAULT 0,
    downloaded_ms INTEGER,
    auth_hash BLOB,
    has_passphrase INTEGER,
    manifest TEXT
) STRICT;
CREATE INDEX transfers_by_sender ON transfers (sender, created_ms);
CREATE INDEX transfers_by_recipient ON transfers (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX transfers_by_email ON transfers (email) WHERE email IS NOT NULL;
CREATE INDEX transfers_by_end ON transfers (ends_ms);

CREATE TABLE transfer_heads (
    transfer_id TEXT NOT NULL REFERENCES transfers ON DELETE CASCADE,
    position INTEGER NOT NULL,
    head TEXT NOT NULL,
    PRIMARY KEY (transfer_id, position)
) STRICT;

-- Who has taken a download, so that nobody takes two.
CREATE TABLE transfer_downloads (
    transfer_id TEXT NOT NULL REFERENCES transfers ON DELETE CASCADE,
    holder TEXT NOT NULL,
    PRIMARY KEY (transfer_id, holder)
) STRICT, WITHOUT ROWID;

CREATE TABLE reports (
    report_key INTEGER PRIMARY KEY,
    transfer_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    reason TEXT NOT NULL,
    text TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX reports_by_transfer ON reports (transfer_id);
CREATE INDEX reports_by_time ON reports (created_ms);
