"""Names and addresses in the one spelling that is kept."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.message import compose
from protocol.errors import AppError
from services import names
from services.names import parse_display_name, parse_email


@given(st.from_regex(names._EMAIL, fullmatch=True).filter(lambda text: len(text) <= 254))
def test_every_address_that_is_let_in_can_be_written_to(email: str) -> None:
    assert parse_email(email.upper()) == email
    message = compose(
        sender="Sealroom <sealroom@localhost>",
        to=email,
        subject="x",
        body="y",
        now_ms=0,
        cte="8bit",
    )
    assert message["To"].addresses[0].addr_spec == email


def _parsed(parse: Callable[[str], str], text: str) -> str | None:
    """Return what a parser makes of a text, or None when it refuses it; nothing else may happen."""
    with contextlib.suppress(AppError):
        return parse(text)
    return None


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_a_bad_request(text: str) -> None:
    email = _parsed(parse_email, text)
    if email is not None:
        assert parse_email(email) == email
        assert email.isascii()


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_bad_request(text: str) -> None:
    name = _parsed(parse_display_name, text)
    if name is not None:
        assert parse_display_name(name) == name
        assert 0 < len(name) <= 64
        assert len(name.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  Bình ", "Bình"),
        ("Bi\u0300nh", "Bình"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("a" * 64, "a" * 64),
    ],
)
def test_names_are_kept_in_one_spelling(text: str, name: str) -> None:
    assert parse_display_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "   ", "a\nb", "a\x00b", "\u202eevil", "a\u2028b", "\x1b[31mred", "a" * 65]
)
def test_names_that_break_what_is_around_them_are_refused(text: str) -> None:
    with pytest.raises(AppError, match="bad_request"):
        parse_display_name(text)


@pytest.mark.parametrize("text", ["An@Example.ORG", " an@example.org "])
def test_an_address_has_one_spelling(text: str) -> None:
    assert parse_email(text) == "an@example.org"


@pytest.mark.parametrize(
    "text",
    [
        "an",
        "an@",
        "@example.org",
        "a b@example.org",
        "an@exa_mple.org",
        "an@example.org\r\nBcc: all@example.org",
        "an@example.org\x00",
        "<an@example.org>",
        "an..nguyen@example.org",
        ".an@example.org",
        "an@-example.org",
        "a" * 250 + "@x.org",
        "ân@example.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AppError, match="bad_request"):
        parse_email(text)
