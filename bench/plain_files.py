"""The yardstick of what files cost a server: the least that Tornado can do with bytes.

    PUT /put/<name>      streamed into a file as it comes
    GET /<name>          streamed out of it, by Tornado's own handler

It knows nobody, counts nothing and checks nothing. With `--durable` a body is acknowledged when it
is on the disk, as Sealroom does with each part: that is the yardstick. Without, when the kernel has
it: so much faster would be a server that may lose what it has acknowledged.
"""

import asyncio
import os
import sys
from pathlib import Path

import tornado.httpserver
import tornado.netutil
import uvloop
from tornado.web import Application, RequestHandler, StaticFileHandler, stream_request_body, url

NAME = r"/([0-9a-zA-Z_-]+)"


@stream_request_body
class PutHandler(RequestHandler):
    """A body into a file."""

    def initialize(self, folder: Path, *, is_durable: bool) -> None:
        self._folder, self._is_durable = folder, is_durable

    def prepare(self) -> None:
        self._file = (self._folder / self.path_args[0]).open("wb", buffering=0)

    def data_received(self, chunk: bytes) -> None:
        self._file.write(chunk)

    async def put(self, _name: str) -> None:
        with self._file:
            if self._is_durable:
                await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)  # its name, too
        os.close(folder)


class FileHandler(StaticFileHandler):
    """A file out again, without the hash of the whole that Tornado makes an ETag of."""

    def compute_etag(self) -> str | None:
        return None


async def serve(folder: Path, *, is_durable: bool) -> None:
    """Serve this folder on a free port, which is printed."""
    options = {"folder": folder, "is_durable": is_durable}
    routes = [
        url("/put" + NAME, PutHandler, options),
        url(NAME, FileHandler, {"path": str(folder)}),
    ]
    server = tornado.httpserver.HTTPServer(Application([*routes]))
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), is_durable="--durable" in sys.argv[2:]))
