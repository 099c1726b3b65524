"""Bodies are frozen, checked, and complete."""

import inspect

import msgspec
import pytest

from protocol import bodies
from tests.people import random_text

STRUCTS = [
    value
    for _, value in inspect.getmembers(bodies, inspect.isclass)
    if issubclass(value, msgspec.Struct) and value.__module__ == bodies.__name__
]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_a_body_cannot_be_changed_once_it_is_made(struct: type[msgspec.Struct]) -> None:
    assert struct.__struct_config__.frozen


@pytest.mark.parametrize(
    ("struct", "name", "wrong"),
    [
        (bodies.PreloginRequest, "email", "no-at"),
        (bodies.PreloginRequest, "email", "a@b\nBcc: c@d"),
        (bodies.PreloginRequest, "email", "a" * 250 + "@b.cd"),
        (bodies.FindRequest, "friend_code", "ABCDEF012345"),
        (bodies.FindRequest, "friend_code", "0123456789ab0"),
        (bodies.SignedList, "devlist", "A" * 16_385),
        (bodies.Kdf, "m_kib", 1_048_577),
        (bodies.Kdf, "t", 17),
        (bodies.Kdf, "alg", "pbkdf2"),
        (bodies.DeviceLabel, "name", ""),
        (bodies.DeviceLabel, "platform", "toaster"),
    ],
)
def test_a_value_outside_its_bounds_is_refused(
    struct: type[msgspec.Struct], name: str, wrong: object
) -> None:
    right: dict[str, object] = {
        "email": "a@b.cd",
        "friend_code": "0123456789ab",
        "version": 1,
        "devlist": "AA",
        "sig": random_text(64),
        "alg": "argon2id",
        "m_kib": 65_536,
        "t": 3,
        "p": 1,
        "name": "Phone",
        "platform": "web",
    }
    assert msgspec.convert(right, struct)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(right | {name: wrong}, struct)
