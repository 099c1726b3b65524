-- opened_ms: from when the life of a transfer counts; NULL for a draft, and for one opened before,
-- whose life counts from created_ms.
ALTER TABLE transfers ADD COLUMN opened_ms INTEGER;
