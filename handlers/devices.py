"""Devices and the signed lists of them."""

from typing import Any

from tornado.routing import URLSpec

from handlers import cookies
from handlers.accounts import USER_ID
from handlers.backups import BACKUP_BODY_BYTES, to_backup
from handlers.base import BaseHandler
from models.devices import Device, DeviceList
from protocol import bodies
from protocol.errors import AppError, ErrorCode
from protocol.frames import Sealed
from protocol.ids import UserId
from services.devices import DeviceService
from services.logins import LoginService

CREATED = 201
ENROLMENT_BODY_BYTES = BACKUP_BODY_BYTES + 64 * 1024  # a backup, a list, a hundred prekeys
MAX_VERSION = 2**53 - 1


def list_body(device_list: DeviceList) -> bodies.SignedList:
    """Return a list as it was signed."""
    return bodies.SignedList(
        version=device_list.version, devlist=Sealed(device_list.devlist), sig=device_list.sig
    )


def certificate_body(device: Device) -> bodies.Certificate:
    """Return a certificate as it was signed."""
    return bodies.Certificate(
        device_id=device.device_id,
        cert=Sealed(device.cert),
        sig_a=device.sig_a,
        sig_p=device.sig_p,
    )


class DeviceHandlerBase(BaseHandler):
    """What all of them need."""

    def initialize(self, *, logins: LoginService, devices: DeviceService) -> None:
        self.logins = logins
        self.devices = devices


class DevicesHandler(DeviceHandlerBase):
    """A device, to be enrolled."""

    body_limit_bytes = ENROLMENT_BODY_BYTES

    async def post(self) -> None:
        body = self.read(bodies.EnrolRequest)
        backup = to_backup(self.principal.user_id, body.backup) if body.backup else None
        enrolled = await self.devices.enrol(self.principal, body, backup)
        cookies.set_trust(self, enrolled.trust_token)
        self.answer(list_body(enrolled.device_list), CREATED)


class DeviceListHandler(DeviceHandlerBase):
    """The next list."""

    async def put(self) -> None:
        signed = self.read(bodies.SignedList)
        self.answer(list_body(await self.devices.put_list(self.principal, signed)))


class DirectoryHandler(DeviceHandlerBase):
    """Somebody's lists; a client that has the newest one is told so by its hash."""

    _list_hash: str | None = None

    async def get(self, user_id: str) -> None:
        directory = await self.devices.directory(
            self.principal.user_id, UserId(user_id), self._since()
        )
        self._list_hash = directory.newest.list_hash
        self.answer(
            bodies.DeviceDirectory(
                user=directory.newest.user_id,
                aik=directory.newest.aik,
                lists=list(map(list_body, directory.lists)),
                certificates=list(map(certificate_body, directory.devices)),
            )
        )

    def compute_etag(self) -> str | None:
        return f'"{self._list_hash}"' if self._list_hash else None

    def _since(self) -> int:
        text = self.get_query_argument("since", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_VERSION))):
            raise AppError(ErrorCode.BAD_REQUEST, "since")
        return min(int(text), MAX_VERSION)


def routes(*, logins: LoginService, devices: DeviceService) -> list[URLSpec]:
    """Return the routes of devices under `/api/e2ee`."""
    services: dict[str, Any] = {"logins": logins, "devices": devices}
    return [
        URLSpec(r"/api/e2ee/devices", DevicesHandler, services),
        URLSpec(r"/api/e2ee/devlist", DeviceListHandler, services),
        URLSpec(rf"/api/e2ee/users/{USER_ID}/devices", DirectoryHandler, services),
    ]
