-- ends_ms: when a pending file ends unless another part comes.
ALTER TABLE files ADD COLUMN ends_ms INTEGER NOT NULL DEFAULT 0;
UPDATE files SET ends_ms = created_ms + 86400000 WHERE state = 'pending';
