"""What a device remembers survives a restart whole, and nobody else can read it."""

import stat
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from client.seal.device_list import Pin
from client.seal.files import FileManifest
from client.seal.keys import AgreementKey
from client.seal.prekeys import DAY_MS
from client.seal.sessions import Session, SessionStatus
from client.state import (
    Me,
    RoomState,
    SentMessage,
    State,
    StateFile,
    StoredSignedPrekey,
    Trail,
    Unopened,
    dump_state,
    parse_state,
)
from tests.client.people import (
    NOW_MS,
    USER_A,
    USER_B,
    golden_agreement,
    golden_device,
    new_talkers,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "state.msgpack"


def filled() -> State:
    talkers = new_talkers()
    talkers.send(0, b"lost")
    talkers.receive(1, talkers.send(0, b"begin"))
    device = golden_device("A")
    sessions = (
        Session(b"s" * 16, SessionStatus.ACTIVE, b"e" * 65, talkers.states[1]),
        Session(
            b"t" * 16, SessionStatus.PENDING, b"f" * 65, talkers.states[0], golden_agreement()[1]
        ),
    )
    return State(
        refresh_cookie="sealroom=abc",
        me=Me("alice@example.com", device),
        next_prekey_id=9,
        signed_prekeys=[StoredSignedPrekey(7, AgreementKey.generate(), NOW_MS)],
        one_time_prekeys={8: AgreementKey.generate()},
        pins={USER_A: Pin(device.account_key, b"list")},
        sessions={USER_B + b"\xb1" * 16: sessions},
        seen_sessions={b"s" * 16: 7},
        rooms={
            b"r" * 32: RoomState(USER_B, NOW_MS, 5, 2, b"h" * 32, {b"d" * 16: Trail(3, b"p" * 32)})
        },
        seen_messages={b"m" * 32: NOW_MS},
        sent={b"n" * 16: SentMessage(b"h" * 32, NOW_MS, {USER_B * 2: b"k" * 65}, b"c" * 32)},
        unopened={b"u" * 32: Unopened(b"r" * 32, 6, USER_B, NOW_MS, b"c" * 32, b"p")},
        resets={USER_B * 2: [NOW_MS]},
        drafts={b"t" * 16},
        unsealed={
            b"v" * 16: (FileManifest(b"f" * 16, 300, 584, b"h" * 32, "Báo cáo.pdf", "", b"k" * 32),)
        },
    )


def read_again(file: StateFile, path: Path) -> State:
    """What somebody finds who begins when `file` has ended."""
    file.close()
    with closing(StateFile(path)) as again:
        return again.state


def test_a_state_reads_back_as_it_was_saved(path: Path) -> None:
    file = StateFile(path)
    file.state = filled()
    file.save()
    assert read_again(file, path) == file.state


def test_a_state_from_before_there_were_transfers_is_read() -> None:
    state = filled()
    fields = msgspec.msgpack.decode(dump_state(state))
    del fields["drafts"], fields["unsealed"]
    state.drafts, state.unsealed = set(), {}
    assert parse_state(msgspec.msgpack.encode(fields)) == state


def test_a_restored_ratchet_goes_on_where_it_was(path: Path) -> None:
    talkers = new_talkers()
    lost = talkers.send(0, b"late")
    talkers.receive(1, talkers.send(0, b"begin"))
    file = StateFile(path)
    file.state.sessions[USER_A * 2] = (
        Session(b"s" * 16, SessionStatus.ACTIVE, b"e" * 65, talkers.states[1]),
    )
    file.save()
    talkers.states[1] = read_again(file, path).sessions[USER_A * 2][0].ratchet
    assert talkers.receive(1, lost) == b"late"
    assert talkers.receive(0, talkers.send(1, b"answer")) == b"answer"


def test_only_the_owner_can_read_it(path: Path) -> None:
    file = StateFile(path)
    file.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    file.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_crash_while_saving_leaves_the_old_state(path: Path) -> None:
    file = StateFile(path)
    file.state = filled()
    file.save()
    path.with_name(f"{path.name}.new").write_bytes(b"half a fi")
    state = read_again(file, path)
    assert state == file.state
    with closing(StateFile(path)) as again:
        again.state.next_prekey_id = 10
        again.save()
        assert parse_state(path.read_bytes()) == again.state != state


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    StateFile().save()
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_asked_for_only_when_there_is_one() -> None:
    with pytest.raises(ValueError, match="no device"):
        _ = State().device


def test_old_private_prekeys_and_what_hangs_on_them_are_forgotten() -> None:
    state = filled()
    state.forget_expired(NOW_MS + 8 * DAY_MS - 1)
    assert state.seen_messages
    state.forget_expired(NOW_MS + 8 * DAY_MS)
    assert not state.seen_messages
    assert not state.unopened
    assert len(state.sent) == 1
    state.forget_expired(NOW_MS + 21 * DAY_MS - 1)
    assert [prekey.id for prekey in state.signed_prekeys] == [7]
    assert state.seen_sessions
    state.forget_expired(NOW_MS + 21 * DAY_MS)
    assert not state.signed_prekeys
    assert not state.seen_sessions


def test_no_private_key_shows_in_a_repr() -> None:
    state = filled()
    shown = repr(state)
    for key in (
        state.device.signing_key,
        state.device.identity_key,
        state.signed_prekeys[0].key,
        state.one_time_prekeys[8],
    ):
        assert key.scalar().hex() not in shown
        assert repr(key.scalar())[2:-1] not in shown
