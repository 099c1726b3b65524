"""What a server refused, as a caller can act on it."""


class RefusedError(Exception):
    """An answer with the error body of docs/protocol.md.

    `users` names whose device lists have to be fetched after `stale_devices`.
    """

    def __init__(self, body: dict[str, object]) -> None:
        super().__init__(f"{body.get('code')}: {body.get('message')}")
        retry_after_ms, users = body.get("retry_after_ms"), body.get("users")
        self.code = str(body.get("code"))
        self.request_id = str(body.get("request_id"))
        self.retry_after_ms = retry_after_ms if isinstance(retry_after_ms, int) else None
        self.users = [str(user) for user in users] if isinstance(users, list) else []


class ConnectionLostError(Exception):
    """The WebSocket closed before it answered; `close_code` is one of docs/protocol.md or None."""

    def __init__(self, close_code: int | None) -> None:
        super().__init__(f"closed with {close_code}")
        self.close_code = close_code
