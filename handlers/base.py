"""Common ground of the API's handlers: authentication, JSON in and out, refusals, headers (S-30).

prepare     method known? → same origin? → public, or a valid access token
read        application/json → size → the documented form
answer      a body as JSON
raise       AppError anywhere → its status and {"error": {…}}; anything else is `internal`
"""

import logging
import secrets
from functools import cached_property
from typing import Any, TypeVar

import msgspec
from tornado.httputil import ParseBodyConfig, ParseMultipartConfig, set_parse_body_config
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from handlers.refusals import error_body, error_headers, refusal
from handlers.security import guard, is_public, methods, public
from protocol.bodies import Body
from protocol.errors import AppError, ErrorCode
from services.logins import LoginService, Principal

BodyType = TypeVar("BodyType", bound=msgspec.Struct)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SMALL_BODY_BYTES = 16 * 1024  # holds every body without keys, backups or messages in it

_log = logging.getLogger("sealroom.http")

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), display-capture=(), geolocation=()",
}
_HSTS = "max-age=63072000; includeSubDomains"

# Uploaded forms are refused unread, not parsed and then refused (S-57).
set_parse_body_config(ParseBodyConfig(multipart=ParseMultipartConfig(enabled=False)))


class BaseHandler(RequestHandler):
    """Refuses whoever is not logged in, unless the method is `@public`.

    A subclass takes its services by `initialize(self, *, logins, …)` and sets `self.logins`.
    """

    logins: LoginService
    principal: Principal
    body_limit_bytes = SMALL_BODY_BYTES

    @cached_property
    def request_id(self) -> str:
        """What the answer, its error body and the log line have in common."""
        return secrets.token_hex(8)

    @property
    def address(self) -> str:
        """The client's network address, as the server's trusted proxies tell it."""
        return str(self.request.remote_ip)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Request-Id", self.request_id)
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        # A balancer that ends TLS says nothing about it; the origin that people open does.
        ours = f"https://{self.request.host}" in self.settings["trusted_origins"]
        if ours or self.request.protocol == "https":
            self.set_header("Strict-Transport-Security", _HSTS)
        if self.settings.get("lets_go"):
            self.set_header("Connection", "close")

    @guard
    async def prepare(self) -> None:
        method = str(self.request.method).lower()
        if method not in methods(type(self)):
            raise AppError(ErrorCode.METHOD_NOT_ALLOWED)
        if self.request.method not in SAFE_METHODS:
            self._require_same_origin()
        if not is_public(type(self), method):
            self.principal = await self.logins.principal(self._bearer_token())

    def read(self, body_type: type[BodyType]) -> BodyType:
        """Return the request's body, checked against its documented form.

        Raises: AppError(unsupported_media_type), AppError(too_large), AppError(bad_request)
        """
        if not self._is_json():
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
        if len(self.request.body) > self.body_limit_bytes:
            raise AppError(ErrorCode.TOO_LARGE)
        try:
            return msgspec.json.decode(self.request.body, type=body_type)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise AppError(ErrorCode.BAD_REQUEST, type(error).__name__) from error

    def answer(self, body: Body, status: int = 200) -> None:
        """End the request with a body as JSON."""
        self.set_status(status)
        self._finish_json(body)

    def compute_etag(self) -> str | None:
        """Nothing here may be stored, so nothing is worth a hash; who has a validator overrides."""
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = refusal(kwargs.get("exc_info", (None, None, None))[1])
        if error.code is ErrorCode.BAD_REQUEST and self.request.body and not self._is_json():
            error = AppError(ErrorCode.UNSUPPORTED_MEDIA_TYPE)
        body = error_body(error, self.request_id)
        for name, value in error_headers(body, error, methods(type(self))).items():
            self.set_header(name, value)
        self.set_status(error.http_status)
        self._finish_json({"error": body})

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log bugs; a refusal is an ordinary answer, and the access log has it."""
        if not isinstance(value, AppError | HTTPError | StreamClosedError):
            _log.error(
                "Request failed",
                exc_info=(typ, value, tb) if value is not None else None,
                extra={"request_id": self.request_id},
            )

    def _is_json(self) -> bool:
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0]
        return media_type.strip().lower() == "application/json"

    def _finish_json(self, body: object) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(msgspec.json.encode(body))

    def _bearer_token(self) -> str:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AppError(ErrorCode.UNAUTHENTICATED, "no bearer token")
        return token.strip()

    def is_own(self, origin: str) -> bool:
        """Whether a page of this origin comes from where the request goes to, scheme included."""
        return origin.lower() == f"{self.request.protocol}://{self.request.host}".lower()

    def _require_same_origin(self) -> None:
        """Refuse what a page of somebody else makes a browser send (S-15).

        Programs that are not browsers send neither header and have no cookies to abuse.
        """
        site = self.request.headers.get("Sec-Fetch-Site", "none")
        origin = self.request.headers.get("Origin")
        is_ours = origin is None or self.is_own(origin) or self.check_trusted_origin(origin)
        if site not in ("same-origin", "none") or not is_ours:
            raise AppError(ErrorCode.BAD_ORIGIN)


class NotFoundHandler(BaseHandler):
    """Answers for every path that leads nowhere."""

    @guard
    async def prepare(self) -> None:
        raise AppError(ErrorCode.NOT_FOUND)

    @public
    def get(self) -> None:
        """Never reached; makes the handler one that `audit_routes` can look at."""
