"""A wire between a client and a server on which a test listens, and which it can hold up."""

import asyncio

from tests.storage.mongo.proxy import Proxy


class Tap(Proxy):
    """Keeps what passes, both ways; after `most_bytes` nothing passes any more."""

    def __init__(self, url: str, most_bytes: int | None = None) -> None:
        super().__init__(url)
        self.heard = bytearray()
        self.is_full = asyncio.Event()
        self.most_bytes = most_bytes

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hear(self, data: bytes) -> None:
        self.heard += data
        if self.most_bytes is not None and len(self.heard) > self.most_bytes:
            self.is_full.set()
            self.hang()
