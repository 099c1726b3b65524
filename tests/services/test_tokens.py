"""Access tokens: thirteen ways to forge one, and the one way to have one (S-11)."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import AppError, ErrorCode
from protocol.ids import LoginId, UserId
from services.system import SystemEntropy
from services.tokens import TOKEN_CHARS, AccessTokens
from tests.harness import MovableClock

KEY = bytes(range(32))
USER, LOGIN = UserId("A" * 22), LoginId("B" * 21 + "A")


def make(clock: MovableClock, key: bytes = KEY) -> AccessTokens:
    return AccessTokens(clock, SystemEntropy(), jwt_key=key)


@pytest.fixture
def tokens(clock: MovableClock) -> AccessTokens:
    return make(clock)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})


def sign(header: dict[str, Any], claims: dict[str, Any], key: bytes = KEY) -> str:
    """Sign with HMAC whatever the header says; the library would refuse half of these."""
    digest = {"HS512": "sha512"}.get(header["alg"], "sha256")
    text = f"{encode(header)}.{encode(claims)}"
    return f"{text}.{base64url(hmac.digest(key, text.encode(), digest))}"


def encode(value: dict[str, Any]) -> str:
    return base64url(json.dumps(value).encode())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_token_names_its_user_and_log_in(tokens: AccessTokens) -> None:
    claims = tokens.read(tokens.issue(USER, LOGIN))
    assert (claims.user_id, claims.login_id) == (USER, LOGIN)


def test_a_token_has_the_documented_claims_and_no_others(tokens: AccessTokens) -> None:
    header, claims = parts(tokens.issue(USER, LOGIN))
    assert sorted(header) == ["alg", "kid", "typ"]
    assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
    assert tuple(sorted(claims)) == CLAIMS
    assert claims["exp"] - claims["iat"] == 15 * 60


def test_a_token_is_over_after_fifteen_minutes(tokens: AccessTokens, clock: MovableClock) -> None:
    token = tokens.issue(USER, LOGIN)
    clock.advance(15 * 60_000 - 2_000)
    tokens.read(token)
    clock.advance(2_000)
    with pytest.raises(AppError) as caught:
        tokens.read(token)
    assert caught.value.code is ErrorCode.TOKEN_EXPIRED


CLAIMS = ("aud", "exp", "iat", "iss", "jti", "nbf", "sid", "sub")
Forgery = Callable[[dict[str, Any], dict[str, Any]], str]


def _without(name: str) -> Forgery:
    return lambda header, claims: sign(header, {k: v for k, v in claims.items() if k != name})


def _claim(name: str, value: Any) -> Forgery:
    return lambda header, claims: sign(header, claims | {name: value})


def _header(name: str, value: Any) -> Forgery:
    return lambda header, claims: sign(header | {name: value}, claims)


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{encode(header | {'alg': 'none'})}.{encode(claims)}."


FORGERIES: dict[str, Forgery] = {
    "unsigned": _unsigned,
    "another algorithm of the same key": _header("alg", "HS512"),
    "another key": lambda header, claims: sign(header, claims, bytes(32)),
    "another type": _header("typ", "JWT"),
    "a key id that is a path": _header("kid", "../../dev/null"),
    "a key id that is unknown": _header("kid", "00000000"),
    "a key of its own": _header("jwk", {"kty": "oct", "k": "AA"}),
    "an address of keys": _header("jku", "https://example.org/keys"),
    "a certificate": _header("x5u", "https://example.org/cert"),
    "a critical extension": _header("crit", ["exp"]),
    **{f"no {name}": _without(name) for name in CLAIMS},
    "another issuer": _claim("iss", "elsewhere"),
    "another audience": _claim("aud", "elsewhere"),
    "several audiences": _claim("aud", ["sealroom-api", "elsewhere"]),
    "no expiry to speak of": _claim("exp", "never"),
    "an expiry that is a truth": _claim("exp", True),
    "a start in the future": _claim("nbf", 2**40),
    "an issue in the future": _claim("iat", 2**40),
    "a subject that is no id": _claim("sub", "admin"),
    "a subject that is a number": _claim("sub", 1),
    "an unknown claim": _claim("role", "admin"),
    "too long": _claim("jti", "x" * TOKEN_CHARS),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forgery_passes(tokens: AccessTokens, name: str) -> None:
    forged = FORGERIES[name](*parts(tokens.issue(USER, LOGIN)))
    with pytest.raises(AppError) as caught:
        tokens.read(forged)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def test_the_honest_signature_is_what_makes_the_forgeries_fail(tokens: AccessTokens) -> None:
    tokens.read(sign(*parts(tokens.issue(USER, LOGIN))))


def test_a_token_that_one_server_knows_is_nothing_to_one_with_another_key(
    clock: MovableClock,
) -> None:
    ours, theirs = make(clock, bytes(32)), make(clock, bytes(31) + b"x")
    token = ours.issue(USER, LOGIN)
    assert ours.read(token) == ours.read(token)
    with pytest.raises(AppError) as caught:
        theirs.read(token)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"))
def test_garbage_is_never_more_than_unauthenticated(text: str) -> None:
    with pytest.raises(AppError) as caught:
        make(MovableClock()).read(text)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def test_every_changed_character_is_noticed(tokens: AccessTokens) -> None:
    token = tokens.issue(USER, LOGIN)
    for at, character in enumerate(token[:-1]):
        other = "A" if character != "A" else "B"
        with pytest.raises(AppError):
            tokens.read(token[:at] + other + token[at + 1 :])


def test_a_short_key_is_refused_at_the_start(clock: MovableClock) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make(clock, bytes(31))
