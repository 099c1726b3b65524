"""Frames survive the wire, and nothing else passes for one."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import frames, limits
from protocol.errors import AppError, ErrorCode
from protocol.frames import base64_chars, dump, parse
from tests.people import random_point, random_text


def message_send(**change: Any) -> dict[str, Any]:
    body = {
        "type": "message.send",
        "id": 1,
        "room": random_text(32),
        "msg_id": random_text(16),
        "epoch": 0,
        "roster_hash": random_text(32),
        "c2": random_text(32),
        "payload": random_text(100),
        "capsules": [capsule()],
        "device_lists": {random_text(16): 1},
    }
    return body | change


def capsule(**change: Any) -> dict[str, Any]:
    return {
        "user": random_text(16),
        "device": random_text(16),
        "sid": random_text(16),
        "header": random_text(75),
        "ciphertext": random_text(124),
    } | change


def pre(**change: Any) -> dict[str, Any]:
    body = {"suite": 1, "ek": random_point(), "spk_id": 7, "opk_id": 9}
    return body | {"cert_hash": random_text(32)} | change


CLIENT_FRAMES = [
    {"type": "authenticate", "token": "t", "device_id": random_text(16)},
    {"type": "authenticate", "token": "t", "device_id": random_text(16), "id": 1},
    message_send(),
    message_send(capsules=[]),
    message_send(capsules=[capsule(pre=pre()), capsule(pre=pre(opk_id=None))]),
    {"type": "message.delivered", "room": random_text(32), "seq": 0},
    {"type": "message.read", "room": random_text(32), "seq": 2**53 - 1},
    {"type": "typing", "room": random_text(32), "on": True},
    {"type": "presence", "status": "away"},
    {"type": "sync", "id": 1, "room": random_text(32), "after": 0},
    {"type": "sync", "id": 1, "room": random_text(32), "after": 0, "limit": 200},
    {"type": "ping"},
    {"type": "ping", "id": 2**53 - 1},
]


@pytest.mark.parametrize("frame", CLIENT_FRAMES, ids=lambda frame: frame["type"])
def test_a_documented_frame_is_read_and_written_alike(frame: dict[str, Any]) -> None:
    parsed = parse(json.dumps(frame))
    assert json.loads(dump(parsed))["type"] == frame["type"]
    assert parse(dump(parsed)) == parsed


def test_keys_of_a_later_version_are_ignored() -> None:
    assert parse('{"type":"ping","id":1,"new":{"deep":[1]}}') == frames.Ping(id=1)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 0},
        {"id": -1},
        {"id": 2**53},
        {"id": "1"},
        {"id": 1.5},
        {"id": None},
        {"room": random_text(31)},
        {"room": random_text(33)},
        {"room": random_text(32) + "="},
        {"msg_id": "A" * 21 + "B"},  # unused bits set: a second spelling of the same bytes
        {"msg_id": "A" * 20 + "+A"},
        {"epoch": -1},
        {"epoch": 2**53},
        {"epoch": True},
        {"payload": ""},
        {"payload": "a b"},
        {"payload": 'a"b'},
        {"payload": "é"},
        {"payload": {"$ne": 1}},
        {"payload": "A" * (base64_chars(limits.PAYLOAD_BYTES) + 1)},
        {"capsules": None},
        {"capsules": [capsule(user="me")]},
        {"capsules": [capsule(header="A" * (base64_chars(limits.CAPSULE_BYTES) + 1))]},
        {"capsules": [capsule(ciphertext="")]},
        {"capsules": [capsule(pre=None)]},
        {"capsules": [capsule(pre=pre(ek=random_text(65)[:-1]))]},
        {"capsules": [capsule(pre=pre(ek="A" + random_point()[1:]))]},  # compressed or not a point
        {"capsules": [capsule(pre=pre(spk_id=2**31))]},
        {"capsules": [capsule(pre=pre(suite=0))]},
        {"device_lists": []},
        {"device_lists": {"me": 1}},
        {"device_lists": {random_text(16): -1}},
    ],
)  # fmt: skip
def test_a_send_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(AppError) as caught:
        parse(json.dumps(message_send(**change)))
    assert caught.value.code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize("missing", sorted(message_send().keys() - {"type"}))
def test_every_field_of_a_send_is_needed(missing: str) -> None:
    body = message_send()
    del body[missing]
    with pytest.raises(AppError) as caught:
        parse(json.dumps(body))
    assert caught.value.code is ErrorCode.BAD_REQUEST


def test_too_many_capsules_are_refused() -> None:
    one = capsule()
    many = [one] * (limits.CAPSULES_PER_MESSAGE + 1)
    with pytest.raises(AppError, match="bad_request"):
        parse(json.dumps(message_send(capsules=many)))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"\x00",
        b"nul",
        b"[]",
        b'"ping"',
        b"{}",
        b'{"id":1}',
        b"NaN",
        b'{"type":"ping","id":1e309}',
        b'{"type":"ping","id":NaN}',
        b'{"type":"ping"} {"type":"ping"}',
        b'{"type":"ping",}',
        b'{"type":"ping"',
        b'{"type":"ping","id":' + b"9" * 5_000 + b"}",
        b"[" * 500_000,
        b'{"type":"ping","x":' + b"[" * 500_000,
    ],
)
def test_what_is_no_frame_is_a_bad_request(text: bytes) -> None:
    with pytest.raises(AppError) as caught:
        parse(text)
    assert caught.value.code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize("name", ["message.new", "", "PING", "authenticated", "ping "])
def test_an_unknown_type_is_unsupported(name: str) -> None:
    with pytest.raises(AppError) as caught:
        parse(json.dumps({"type": name}))
    assert caught.value.code is ErrorCode.UNSUPPORTED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
FIELDS = sorted({name for frame in CLIENT_FRAMES for name in frame} | {"capsules", "pre"})


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_parse_or_be_refused(text: bytes) -> None:
    read(text)


@given(st.sampled_from(CLIENT_FRAMES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3))
def test_no_value_does_anything_but_parse_or_be_refused(
    frame: dict[str, Any], change: dict[str, Any]
) -> None:
    parsed = read(json.dumps(frame | change).encode())
    if parsed is not None:
        assert parse(dump(parsed)) == parsed


def read(text: bytes) -> frames.ClientFrame | None:
    try:
        return parse(text)
    except AppError:
        return None


def test_a_message_always_says_whether_it_has_a_capsule() -> None:
    message = frames.Message(
        seq=1,
        msg_id=random_text(16),  # type: ignore[arg-type]
        sender=random_text(16),  # type: ignore[arg-type]
        sender_device=random_text(16),  # type: ignore[arg-type]
        epoch=0,
        roster_hash=random_text(32),
        payload=random_text(10),  # type: ignore[arg-type]
        c2=random_text(32),
        capsule=None,
        frank=random_text(32),
        server_ms=1,
    )
    new = frames.MessageNew(room=random_text(32), message=message)  # type: ignore[arg-type]
    text = dump(new)
    assert text.count(b'"capsule":null') == 1
    assert json.loads(text)["message"]["deleted"] is False
    assert msgspec.json.decode(text, type=frames.MessageNew) == new


@pytest.mark.parametrize(("size_bytes", "chars"), [(0, 0), (1, 2), (2, 3), (3, 4), (32, 43)])
def test_lengths_in_base64(size_bytes: int, chars: int) -> None:
    assert base64_chars(size_bytes) == chars


def test_a_capsule_says_when_no_one_time_prekey_was_used() -> None:
    sent = capsule(pre=pre(opk_id=None))
    kept = msgspec.convert({n: v for n, v in sent.items() if n != "user"}, frames.Capsule)
    assert json.loads(dump(kept))["pre"] == sent["pre"]


def test_every_frame_with_a_type_goes_one_way_or_the_other():
    """Also between processes, which pass on what they know: `models.events.Told`."""
    tagged = {
        kind
        for kind in vars(frames).values()
        if isinstance(kind, type)
        and issubclass(kind, frames.Frame)
        and kind.__struct_config__.tag is not None
    }
    assert tagged == {*get_args(frames.ClientFrame), *get_args(frames.ServerFrame)}
