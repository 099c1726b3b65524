"""Adapters of the Mailer port: SMTP, and an outbox of files that needs no set-up."""
