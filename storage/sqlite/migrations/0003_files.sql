-- hashes: SHA-256 of each part of a whole file, one after another.
-- A committed file lives as long as its room, so it has no end of its own.
-- ended: nobody finds it any more; forgotten: its parts are gone too, and it only counts for the day.
CREATE TABLE files (
    file_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    device_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'committed', 'ended', 'forgotten')),
    hashes BLOB NOT NULL
) STRICT;
CREATE INDEX files_by_owner ON files (owner, created_ms, state, size_bytes);
CREATE INDEX files_by_room ON files (room_id);
CREATE INDEX files_by_state ON files (state, created_ms);

CREATE TABLE file_parts (
    file_id TEXT NOT NULL REFERENCES files ON DELETE CASCADE,
    number INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (file_id, number)
) STRICT, WITHOUT ROWID;
