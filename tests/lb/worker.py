"""A worker in a process of its own: `python worker.py NAME`; prints its port.

It answers GET with 200 and its name, and sends everything else back.
"""

import asyncio
import resource
import sys


class Worker(asyncio.Protocol):
    def __init__(self, name: str) -> None:
        self._answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._answer if data.startswith(b"GET ") else data)


async def main(name: str) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Worker(name), "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1]))
