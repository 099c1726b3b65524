-- is_here: 0 for a part whose hash is noted before its bytes have come.
ALTER TABLE file_parts ADD COLUMN is_here INTEGER NOT NULL DEFAULT 1 CHECK (is_here IN (0, 1));
