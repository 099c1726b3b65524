"""GET /api/openapi.json: the API as OpenAPI 3.1, made of the route table and protocol/bodies.py.

The table below says what the routes cannot: which body a call takes and gives. A test holds it to
them, so that no call is missing and none is invented.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from tornado.routing import URLSpec

from handlers.base import BaseHandler
from handlers.files import GRANT_HEADER, HASH_HEADER
from handlers.links import AUTH_HEADER
from handlers.paths import template
from handlers.security import is_public, methods, public
from protocol import bodies
from protocol.bodies import Body, Empty
from protocol.errors import ErrorCode

VERSION = "1"
SCHEMA = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Call:
    """`takes` is the request's body, `gives` what the answer's may be at each status.

    `bytes` is application/octet-stream, everything else JSON.
    """

    summary: str
    gives: dict[int, tuple[type[Body] | type[bytes], ...]]
    takes: type[msgspec.Struct] | type[bytes] | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


def _call(
    summary: str, takes: type[msgspec.Struct] | None, gives: type[Body], status: int = 200
) -> Call:
    return Call(summary, {status: (gives,)}, takes)


CALLS: dict[tuple[str, str], Call] = {
    ("POST", "/api/auth/register"): _call(
        "Begin to create an account", bodies.RegisterRequest, bodies.TicketAnswer, 202
    ),
    ("POST", "/api/auth/send-otp"): _call("Send a code again", bodies.SendOtpRequest, Empty, 202),
    ("POST", "/api/auth/verify-otp"): _call("Show a code", bodies.VerifyOtpRequest, bodies.Session),
    ("POST", "/api/auth/prelogin"): _call(
        "Learn how to derive the auth key", bodies.PreloginRequest, bodies.PreloginAnswer
    ),
    ("POST", "/api/auth/login"): Call(
        "Log in", {200: (bodies.Session, bodies.NextStep)}, bodies.LoginRequest
    ),
    ("POST", "/api/auth/refresh"): _call("Get a new access token", Empty, bodies.Session),
    ("POST", "/api/auth/forgot-password"): _call(
        "Begin to replace the password", bodies.ForgotPasswordRequest, bodies.TicketAnswer, 202
    ),
    ("POST", "/api/auth/reset-password"): _call(
        "Replace the password", bodies.ResetPasswordRequest, bodies.Session
    ),
    ("POST", "/api/auth/change-password"): _call(
        "Change the password", bodies.ChangePasswordRequest, Empty
    ),
    ("POST", "/api/auth/logout"): _call("End this log-in", Empty, Empty),
    ("POST", "/api/auth/logout-all"): _call("End every log-in", Empty, Empty),
    ("GET", "/api/auth/logins"): _call("List the log-ins", None, bodies.LoginList),
    ("DELETE", "/api/auth/logins/{login_id}"): _call("End one log-in", None, Empty),
    ("GET", "/api/users/me"): _call("Read one's account", None, bodies.OwnAccount),
    ("PATCH", "/api/users/me"): _call(
        "Change one's profile", bodies.PatchMeRequest, bodies.OwnAccount
    ),
    ("POST", "/api/users/find"): _call("Find a person", bodies.FindRequest, bodies.FindAnswer),
    ("GET", "/api/users/{user_id}"): _call("Read a person", None, bodies.Person),
    ("GET", "/api/contacts"): _call("List the contacts", None, bodies.ContactList),
    ("POST", "/api/contacts"): _call("Ask to be a contact", bodies.FindRequest, Empty, 202),
    ("POST", "/api/contacts/withdraw"): _call(
        "Forget a request by address", bodies.WithdrawRequest, Empty
    ),
    ("DELETE", "/api/contacts/{user_id}"): _call("End a relation", None, Empty),
    ("POST", "/api/contacts/{user_id}/accept"): _call("Accept a request", Empty, bodies.Contact),
    ("PUT", "/api/blocks/{user_id}"): _call("Block a person", Empty, Empty),
    ("DELETE", "/api/blocks/{user_id}"): _call("Unblock a person", None, Empty),
    ("POST", "/api/e2ee/devices"): _call(
        "Enrol a device", bodies.EnrolRequest, bodies.SignedList, 201
    ),
    ("PUT", "/api/e2ee/devlist"): _call(
        "Publish a device list", bodies.SignedList, bodies.SignedList
    ),
    ("GET", "/api/e2ee/users/{user_id}/devices"): Call(
        "Read a person's devices", {200: (bodies.DeviceDirectory,)}, query=("since",)
    ),
    ("POST", "/api/e2ee/prekeys"): _call("Upload prekeys", bodies.PrekeyUpload, bodies.PrekeyCount),
    ("GET", "/api/e2ee/prekeys/count"): _call("Count one's prekeys", None, bodies.PrekeyCount),
    ("POST", "/api/e2ee/prekeys/claim"): _call(
        "Claim prekeys", bodies.ClaimRequest, bodies.ClaimAnswer
    ),
    ("GET", "/api/e2ee/self/cursor"): _call("Read the last accepted message", None, bodies.Cursor),
    ("GET", "/api/e2ee/backup"): _call("Read the identity backup", None, bodies.Backup),
    ("PUT", "/api/e2ee/backup"): _call("Replace the identity backup", bodies.Backup, bodies.Backup),
    ("GET", "/api/rooms"): _call("List the rooms", None, bodies.RoomList),
    ("POST", "/api/rooms"): Call(
        "Open a room", {201: (bodies.Room,), 200: (bodies.Room,)}, bodies.OpenRoomRequest
    ),
    ("GET", "/api/rooms/{room_id}"): _call("Read a room", None, bodies.Room),
    ("DELETE", "/api/rooms/{room_id}"): _call("End a room", None, Empty),
    ("PUT", "/api/rooms/{room_id}/keep"): _call("Wish to keep a room", Empty, bodies.Room),
    ("DELETE", "/api/rooms/{room_id}/keep"): _call("Withdraw the wish", None, bodies.Room),
    ("GET", "/api/rooms/{room_id}/messages"): Call(
        "Read the log", {200: (bodies.MessagePage,)}, query=("after", "before", "limit")
    ),
    ("POST", "/api/rooms/{room_id}/messages"): _call(
        "Send a message", bodies.SendRequest, bodies.SendAnswer, 201
    ),
    ("POST", "/api/files"): _call(
        "Announce a file", bodies.StartFileRequest, bodies.FileState, 201
    ),
    ("GET", "/api/files/{file_id}"): _call("Read one's own file", None, bodies.FileState),
    ("DELETE", "/api/files/{file_id}"): _call("End one's own file", None, Empty),
    ("POST", "/api/files/{file_id}/grant"): _call(
        "Exchange a signature for a token", bodies.GrantRequest, bodies.Grant
    ),
    ("PUT", "/api/files/{file_id}/parts/{number}"): Call(
        "Send one part", {200: (Empty,)}, bytes, headers=(GRANT_HEADER, HASH_HEADER)
    ),
    ("POST", "/api/files/{file_id}/parts/{number}/address"): Call(
        "Ask where to put one part",
        {200: (bodies.PutAddress,)},
        bodies.PartHash,
        headers=(GRANT_HEADER,),
    ),
    ("POST", "/api/files/{file_id}/parts/{number}/arrived"): Call(
        "Say that one part was put", {200: (Empty,)}, bodies.PartHash, headers=(GRANT_HEADER,)
    ),
    ("GET", "/api/files/{file_id}/parts/{number}/address"): Call(
        "Ask where to get one part", {200: (bodies.GetAddress,)}, headers=(GRANT_HEADER,)
    ),
    ("POST", "/api/files/{file_id}/commit"): _call("Finish a file", Empty, bodies.FileState),
    ("GET", "/api/files/{file_id}/hashes"): Call(
        "Read the hashes of the parts", {200: (bytes,)}, headers=(GRANT_HEADER,)
    ),
    ("GET", "/api/files/{file_id}/content"): Call(
        "Read the ciphertext",
        {200: (bytes,), 206: (bytes,)},
        headers=(GRANT_HEADER, "Range"),
    ),
    ("POST", "/api/transfers"): _call(
        "Announce a transfer", bodies.StartTransferRequest, bodies.SentTransfer, 201
    ),
    ("POST", "/api/transfers/{transfer_id}/send"): _call(
        "Send a transfer", bodies.SendTransferRequest, bodies.SentTransfer
    ),
    ("GET", "/api/transfers/sent"): _call("List what one has sent", None, bodies.SentTransfers),
    ("GET", "/api/transfers/inbox"): _call(
        "List what others have sent", None, bodies.ReceivedTransfers
    ),
    ("POST", "/api/transfers/{transfer_id}/accept"): _call(
        "Accept a transfer to one's address", Empty, bodies.ReceivedTransfer
    ),
    ("GET", "/api/transfers/{transfer_id}/heads"): _call(
        "Read the heads of the files", None, bodies.TransferHeads
    ),
    ("PUT", "/api/transfers/{transfer_id}/heads"): _call(
        "Add the heads for whoever accepted", bodies.TransferHeads, bodies.SentTransfer
    ),
    ("POST", "/api/transfers/{transfer_id}/downloaded"): _call(
        "Say that all has arrived", Empty, Empty
    ),
    ("DELETE", "/api/transfers/{transfer_id}"): _call(
        "Withdraw or decline a transfer", None, Empty
    ),
    ("GET", "/api/links/{transfer_id}"): _call("Look at a link", None, bodies.LinkInfo),
    ("GET", "/api/links/{transfer_id}/contents"): Call(
        "Read what a link leads to", {200: (bodies.LinkContents,)}, headers=(AUTH_HEADER,)
    ),
    ("POST", "/api/links/{transfer_id}/downloads"): Call(
        "Take a download",
        {200: (bodies.LinkGrant,)},
        bodies.DownloadRequest,
        headers=(AUTH_HEADER,),
    ),
    ("GET", "/api/links/{transfer_id}/files/{file_id}/hashes"): Call(
        "Read the hashes of the parts", {200: (bytes,)}, headers=(GRANT_HEADER,)
    ),
    ("GET", "/api/links/{transfer_id}/files/{file_id}/content"): Call(
        "Read the ciphertext",
        {200: (bytes,), 206: (bytes,)},
        headers=(GRANT_HEADER, "Range"),
    ),
    ("GET", "/api/links/{transfer_id}/files/{file_id}/parts/{number}/address"): Call(
        "Ask where to get one part", {200: (bodies.GetAddress,)}, headers=(GRANT_HEADER,)
    ),
    ("POST", "/api/links/{transfer_id}/reports"): Call(
        "Report a link", {200: (Empty,)}, bodies.ReportRequest, headers=(AUTH_HEADER,)
    ),
    ("GET", "/health"): Call("Ask for health", {200: (bodies.Health,), 503: (bodies.Health,)}),
}


def document(routes: Iterable[URLSpec]) -> dict[str, Any]:
    """Return the OpenAPI document of those routes that are calls."""
    used: set[Any] = {
        body for call in CALLS.values() for given in call.gives.values() for body in given
    }
    used |= {call.takes for call in CALLS.values()}
    used -= {bytes, None}
    _, schemas = msgspec.json.schema_components(used, ref_template=SCHEMA)
    schemas["Error"] = _ERROR
    paths: dict[str, dict[str, Any]] = {}
    for spec in routes:
        address = template(spec)
        for method in methods(spec.handler_class):
            call = CALLS.get((method.upper(), address))
            if call is not None:
                is_open = is_public(spec.handler_class, method)
                paths.setdefault(address, {})[method] = _operation(address, call, is_open=is_open)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sealroom",
            "version": VERSION,
            "description": "What a client may call; docs/protocol.md says what it means.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "access_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"enum": [str(code) for code in ErrorCode]},
                "message": {"type": "string"},
                "request_id": {"type": "string"},
                "retry_after_ms": {"type": "integer", "minimum": 0},
                "limit": {"enum": ["stored", "daily", "pending", "transfers"]},
                "users": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _content(*either: type[msgspec.Struct] | type[bytes]) -> dict[str, Any]:
    if either == (bytes,):
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    schemas, _ = msgspec.json.schema_components(either, ref_template=SCHEMA)
    return _json(schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)})


def _operation(address: str, call: Call, *, is_open: bool) -> dict[str, Any]:
    answers: dict[str, Any] = {
        str(status): {"description": "Done.", "content": _content(*given)}
        for status, given in call.gives.items()
    }
    answers["default"] = {
        "description": "Refused; the code says why.",
        "content": _json({"$ref": SCHEMA.format(name="Error")}),
    }
    operation: dict[str, Any] = {
        "summary": call.summary,
        "security": [] if is_open else [{"access_token": []}],
        "parameters": [_in_path(name) for name in _PARAMETER.findall(address)]
        + [_in_query(name) for name in call.query]
        + [_in_header(name) for name in call.headers],
        "responses": answers,
    }
    if call.takes is not None:
        operation["requestBody"] = {"required": True, "content": _content(call.takes)}
    return operation


def _in_path(name: str) -> dict[str, Any]:
    pattern = r"^[A-Za-z0-9_-]{43}$" if name == "room_id" else r"^[A-Za-z0-9_-]{22}$"
    schema: dict[str, Any] = {"type": "string", "pattern": pattern}
    if name == "number":
        schema = {"type": "integer", "minimum": 0, "maximum": 999_999}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1 if name == "limit" else 0, "maximum": 2**53 - 1}
    if name == "limit":
        schema["maximum"] = 50
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _in_header(name: str) -> dict[str, Any]:
    required = name != "Range"
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}}


class OpenApiHandler(BaseHandler):
    """The document, the same for everybody."""

    def initialize(self, *, text: bytes) -> None:
        self.text = text

    @public
    def get(self) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(self.text)


def routes(*, others: Iterable[URLSpec]) -> list[URLSpec]:
    """Return the route of the document that describes `others`."""
    text = msgspec.json.encode(document(others))
    return [URLSpec(r"/api/openapi.json", OpenApiHandler, {"text": text})]
