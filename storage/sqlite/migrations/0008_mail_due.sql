-- mail_due_ms: when the mail about an open transfer may be sent; NULL when there is none to send.
ALTER TABLE transfers ADD COLUMN mail_due_ms INTEGER;
CREATE INDEX transfers_by_mail ON transfers (mail_due_ms) WHERE mail_due_ms IS NOT NULL;
