"""A client that hears nothing from its server, because that hears nothing of the others."""

from client.seal.encoding import b64url_encode
from protocol import frames
from protocol.ids import DeviceId
from tests.client.crowd import Crowd
from tests.client.test_client import acknowledged, following, take, talk
from tests.process import ServerProcess


async def test_whoever_is_told_again_how_everything_stands_looks_for_what_was_missed(
    crowd: Crowd,
) -> None:
    """Two servers with one database and no bus: the second one hears of nothing."""
    alice, bob = await crowd.contacts()
    room_id = await talk(alice, bob)
    deaf = ServerProcess(crowd.server.data_dir)
    deaf.start()
    bob.close()
    bob.server = deaf
    bob.start()
    await bob.account.resume()
    async with await bob.connect() as socket:
        queue, task = await following(bob, socket)
        await alice.engine.send_text(room_id, "did you hear?")
        again = frames.Authenticate(
            token=bob.api.access_token,
            device_id=DeviceId(b64url_encode(bob.file.state.device.device_id)),
        )
        await socket.tell(again)
        received = await take(queue)
        assert received.text == "did you hear?"
        await acknowledged(alice, room_id, bob, received.seq)
    await task
    assert deaf.stop() == 0
