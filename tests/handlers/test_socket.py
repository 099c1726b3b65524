"""The frame loop over real sockets."""

from models.rooms import Room
from tests.harness import Connect
from tests.people import Peer, People, sealed


async def test_a_message_is_accepted_and_delivered_with_the_receivers_capsule_only(
    ws: Connect, people: People, room: Room, alice: Peer, bob: Peer
) -> None:
    sender, receiver = await ws(alice), await ws(bob)
    body = sealed([bob], await people.versions(alice, bob))
    await sender.send("message.send", id=1, room=room.room_id, **body)
    accepted = await sender.expect("message.accepted", id=1)
    assert (accepted["seq"], accepted["msg_id"]) == (1, body["msg_id"])
    message = (await receiver.expect("message.new"))["message"]
    assert message["payload"] == body["payload"]
    assert message["capsule"] == {
        name: body["capsules"][0][name] for name in ("sid", "header", "ciphertext")
    }
    assert message["frank"] == accepted["frank"]
    assert message["server_ms"] == accepted["server_ms"]
