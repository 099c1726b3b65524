"""What a caller is told when something goes wrong: one mapping from exceptions to answers."""

import math

from tornado.web import HTTPError

from protocol.errors import AppError, ErrorCode

UNAVAILABLE_RETRY_MS = 1_000

_CODE_OF_STATUS = {
    400: ErrorCode.BAD_REQUEST,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.TOO_LARGE,
}


def refusal(error: BaseException | None) -> AppError:
    """Return the refusal that an exception means; what nobody foresaw is `internal`."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, HTTPError):
        return AppError(_CODE_OF_STATUS.get(error.status_code, ErrorCode.INTERNAL))
    return AppError(ErrorCode.INTERNAL)


def error_body(error: AppError, request_id: str) -> dict[str, object]:
    """Return the value of the answer's `error` key."""
    body = error.body(request_id)
    if error.code is ErrorCode.UNAVAILABLE:
        body["retry_after_ms"] = UNAVAILABLE_RETRY_MS
    return body


def error_headers(body: dict[str, object], error: AppError, allowed: list[str]) -> dict[str, str]:
    """Return the headers that go with a refusal.

    Args:
        allowed: the methods of the handler, for a method that is not among them
    """
    headers = {}
    if isinstance(retry_after_ms := body.get("retry_after_ms"), int):
        headers["Retry-After"] = str(math.ceil(retry_after_ms / 1_000))
    if error.code is ErrorCode.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed).upper()
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
