"""What is secret is not shown when a model is printed."""

from models.accounts import KdfParams, Verifier, normalise_email
from models.codes import PendingCode, Registration
from models.transfers import Link
from protocol.frames import Sealed


def test_no_hash_is_shown() -> None:
    verifier = Verifier("salt", KdfParams(65_536, 3, 1), "$2b$12$hash")
    registration = Registration("Alice", "salt", 65_536, 3, 1, "$2b$12$hash")
    code = PendingCode("verify", "a@b.cd", "ticket-hash", "code-hash", 0, 1, None, registration)
    link = Link(b"auth-hash", Sealed("manifest"), has_passphrase=True)
    for text in (repr(verifier), repr(registration), repr(code), repr(link)):
        assert "$2b$" not in text
        assert "-hash" not in text


def test_an_address_has_one_spelling() -> None:
    assert normalise_email("  Alice@Example.ORG\n") == "alice@example.org"
