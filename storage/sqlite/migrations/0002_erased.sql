-- No message_key is used twice, or whoever reads on after a key would pass over new messages:
-- the highest one there was when messages were last erased.
CREATE TABLE erased (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    highest_key INTEGER NOT NULL
) STRICT;
INSERT INTO erased SELECT 1, coalesce(max(message_key), 0) FROM messages;
