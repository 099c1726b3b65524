"""A server without space says so, loses nothing, and goes on when there is space again (R-35)."""

from typing import Any

from models.rooms import Room
from models.stores import Stores
from tests.harness import Connect, Fetch
from tests.people import Peer, People, random_text, sealed


async def fill(stores: Stores) -> None:
    """Let the database grow no more, until the writer has opened it anew after a failure."""
    database: Any = stores.database
    await database.write(lambda opened: opened.execute("PRAGMA max_page_count = 1").fetchall())


async def test_what_does_not_fit_is_refused_and_everything_else_goes_on(
    ws: Connect, fetch: Fetch, stores: Stores, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    wire, path = await ws(alice), f"/api/rooms/{room.room_id}/messages"
    large = sealed([bob], await people.versions(alice, bob), payload=random_text(100_000))
    await fill(stores)
    refused = await fetch("POST", path, as_=alice, body=large)
    assert (refused.status, refused.code) == (507, "storage_full")
    await fill(stores)
    await wire.send("message.send", id=1, room=room.room_id, **large)
    assert (await wire.expect("error", id=1))["error"]["code"] == "storage_full"
    assert (await fetch("GET", path, as_=bob)).json["messages"] == []
    await wire.send("message.send", id=2, room=room.room_id, **large)
    assert (await wire.expect("message.accepted", id=2))["seq"] == 1
