"""Many clients at the same time: `python crowd.py PORT COUNT`; prints how many were echoed twice.

All are connected before the first one speaks again, and all stay until the last one has.
"""

import asyncio
import resource
import sys

AT_ONCE = 200  # connections that are being made, so that no queue of the system overflows


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes) -> bool:
    writer.write(word)
    return await reader.readexactly(len(word)) == word


async def main(port: int, count: int) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    making, everybody = asyncio.Semaphore(AT_ONCE), asyncio.Barrier(count)

    async def client(number: int) -> bool:
        word = b"%015d\n" % number
        async with making:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            first = await talk(reader, writer, word)
        await everybody.wait()
        second = await talk(reader, writer, word[::-1])
        await everybody.wait()
        writer.transport.abort()
        return first and second

    print(sum(await asyncio.gather(*(client(number) for number in range(count)))))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
