"""A process that appends: `python -m tests.storage.appending URL ROOM_ID USER_ID COUNT`.

For each acknowledgement it writes one line `seq msg_id`; with COUNT 0 it goes on until killed.
"""

import asyncio
import os
import sys
from dataclasses import replace

from models.messages import Appended
from models.rooms import Member
from protocol.errors import AppError
from storage import open_stores
from tests import mongo
from tests.contracts.make import Make

IN_FLIGHT = 16


async def main(url: str, room_id: str, user_id: str, count: int) -> None:
    with mongo.in_1970():
        stores, make = await open_stores(url), Make()
    room = replace(make.room(), room_id=room_id, members=(Member(user_id, "admin"),) * 2)
    finished = asyncio.get_running_loop().create_future()
    sent = acknowledged = 0

    def send() -> None:
        nonlocal sent
        sent += 1
        message = make.message(room)

        def done(outcome: Appended | AppError) -> None:
            nonlocal acknowledged
            if isinstance(outcome, AppError):
                finished.set_exception(outcome)
                return
            os.write(1, f"{outcome.seq} {message.msg_id}\n".encode())
            acknowledged += 1
            if sent < count or not count:
                send()
            elif acknowledged == count:
                finished.set_result(None)

        stores.messages.append(message, 1_500, done)

    for _ in range(IN_FLIGHT):
        send()
    await finished
    await stores.database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], int(sys.argv[4])))
