"""What a server says of people around transfers, and how far the client believes it (S3-15)."""

from pathlib import Path

import msgspec
import pytest

from client import wire
from protocol import bodies
from protocol.encoding import b64url
from tests.client.crowd import Crowd
from tests.client.test_room_files import written


async def test_nothing_is_sealed_for_whom_the_server_names_who_is_no_contact(
    crowd: Crowd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, mallory = await crowd.person("alice"), await crowd.person("mallory")
    outbox, call = alice.engine.sent_transfers, alice.api.call
    link = await outbox.send_by_link([written(tmp_path, "a", 10)], email="nobody@example.org")
    (truth,) = await outbox.live()
    lie = msgspec.structs.replace(truth, user=wire.user_id(mallory.user_id))
    asked: list[str] = []

    async def live() -> list[bodies.SentTransfer]:
        return [lie]

    async def watched(method: str, path: str, *more: object) -> object:
        asked.append(f"{method} {path}")
        return await call(method, path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "live", live)
    monkeypatch.setattr(alice.api, "call", watched)
    failed = await outbox.settle()
    assert [str(error).partition(":")[0] for error in failed.values()] == ["not_contact"]
    assert asked == ["GET /api/contacts"]
    assert set(alice.file.state.unsealed) == {link.transfer_id}
    assert list(failed) == [b64url(link.transfer_id)]
