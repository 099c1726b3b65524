"""Becoming somebody: sign up or log in, open the identity backup, enrol this device.

    sign_up / log_in ──▶ PendingCode ──submit_code──▶ enrolled

The password turns into two keys here and goes no further; the account key is held only while it
signs this device's certificate and list.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from msgspec import UNSET

from client import wire
from client.api import Api
from client.errors import RefusedError
from client.own_backup import PasswordSecret, make_backup, open_backup
from client.own_prekeys import OwnPrekeys
from client.seal import backup as seal_backup
from client.seal.device_list import (
    DeviceEntry,
    DeviceStatus,
    Pin,
    SignedDeviceList,
    first_device_list,
    next_device_list,
    verify_device_lists,
)
from client.seal.encoding import ID_BYTES, b64url_decode, b64url_encode
from client.seal.errors import TrustError, TrustReason
from client.seal.identity import LocalDevice, enrol_device
from client.seal.keys import SigningKey
from client.seal.password import PasswordParameters, derive_password_keys
from client.seal.prekeys import ONE_TIME_PREKEY_POOL
from client.state import Me, StateFile
from protocol import bodies


@dataclass(frozen=True, slots=True)
class PendingCode:
    """An attempt that waits for its e-mailed code."""

    email: str
    purpose: Literal["verify", "login"]
    ticket: str
    secret: PasswordSecret


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What has to be shown once: the code that opens the backup when the password is lost."""

    recovery_code: str = field(repr=False)


class Account:
    """The own account, as far as it concerns the server."""

    def __init__(
        self,
        api: Api,
        file: StateFile,
        now_ms: Callable[[], int],
        device: bodies.DeviceLabel | None = None,
    ) -> None:
        self._api = api
        self._file = file
        self._now_ms = now_ms
        api.on_renewal = self._keep_log_in
        self._label = device or bodies.DeviceLabel(name="Python client", platform="cli")

    async def sign_up(self, email: str, display_name: str, password: str) -> PendingCode:
        """Ask for an account; nothing exists until the code comes back.

        Raises: RefusedError
        """
        salt, parameters = os.urandom(ID_BYTES), PasswordParameters()
        keys = await asyncio.to_thread(derive_password_keys, password, email, salt, parameters)
        request = bodies.RegisterRequest(
            email=email,
            display_name=display_name,
            salt=b64url_encode(salt),
            kdf=wire.dump_kdf(parameters),
            auth_key=b64url_encode(keys.auth_key),
        )
        answer = await self._api.call("POST", "/api/auth/register", bodies.TicketAnswer, request)
        return PendingCode(email, "verify", answer.ticket, PasswordSecret(salt, parameters, keys))

    async def log_in(self, email: str, password: str) -> PendingCode:
        """Prove the password; the server answers with a code by mail.

        Raises: RefusedError `bad_credentials`; TrustError `weak-parameters`
        """
        prelogin = await self._api.call(
            "POST",
            "/api/auth/prelogin",
            bodies.PreloginAnswer,
            bodies.PreloginRequest(email=email),
        )
        salt, parameters = b64url_decode(prelogin.salt), wire.parse_kdf(prelogin.kdf)
        keys = await asyncio.to_thread(derive_password_keys, password, email, salt, parameters)
        request = bodies.LoginRequest(
            email=email, auth_key=b64url_encode(keys.auth_key), device=self._label
        )
        step = await self._api.call("POST", "/api/auth/login", bodies.NextStep, request)
        return PendingCode(email, "login", step.ticket, PasswordSecret(salt, parameters, keys))

    async def submit_code(
        self, pending: PendingCode, code: str, recovery_code: str | None = None
    ) -> NewAccount | None:
        """Finish the attempt and enrol this device.

        Args:
            recovery_code: opens the backup when the password does not, as after a reset

        Returns: the recovery code when the account is new
        Raises: RefusedError `bad_code`, `code_expired`; DecryptError when nothing given opens the
            backup; MalformedError for a mistyped recovery code
        """
        request = bodies.VerifyOtpRequest(
            email=pending.email,
            purpose=pending.purpose,
            code=code,
            ticket=pending.ticket,
            device=self._label,
        )
        session = await self._api.call("POST", "/api/auth/verify-otp", bodies.Session, request)
        self._api.access_token = session.access_token
        self._file.state.refresh_cookie = self._api.refresh_cookie
        user_id = b64url_decode(session.user.id)
        stored = await self._stored_backup()
        if stored is None:
            return await self._enrol_first(user_id, pending)
        account_key = open_backup(stored, user_id, pending.secret, recovery_code)
        await self._enrol_next(user_id, pending.email, account_key)
        return None

    async def replenish(self) -> None:
        """Fill the pool of one-time prekeys and replace a signed prekey older than 7 days.

        Order: private halves are saved before their public ones leave.
        """
        count = await self._api.call("GET", "/api/e2ee/prekeys/count", bodies.PrekeyCount)
        prekeys = OwnPrekeys(self._file.state.device, self._file.state)
        is_due = prekeys.is_rotation_due(self._now_ms())
        missing = max(0, ONE_TIME_PREKEY_POOL - count.opk)
        if is_due or missing > 0:
            await self._publish(prekeys, is_due, missing)

    async def recover_from_rollback(self) -> bool:
        """Begin anew with everybody when the state is older than what the server has seen of it.

        A state file that was restored from a copy would use ratchet keys a second time.

        Returns: whether it was so
        """
        cursor = await self._api.call("GET", "/api/e2ee/self/cursor", bodies.Cursor)
        state = self._file.state
        if cursor.msg_id is None or b64url_decode(cursor.msg_id) in state.sent:
            return False
        state.sessions.clear()
        prekeys = OwnPrekeys(state.device, state)
        prekeys.skip_ids()
        await self._publish(prekeys, True, ONE_TIME_PREKEY_POOL)
        return True

    async def resume(self) -> None:
        """Get an access token with the refresh token that the state holds.

        Raises: RefusedError when the log-in has ended
        """
        await self._api.renew()

    def _keep_log_in(self) -> None:
        """Save what the next process goes on with: the one before is good for seconds only."""
        self._file.state.refresh_cookie = self._api.refresh_cookie
        self._file.save()

    async def _publish(self, prekeys: OwnPrekeys, with_signed: bool, one_time: int) -> None:
        now_ms = self._now_ms()
        upload = bodies.PrekeyUpload(
            spk=prekeys.make_signed(now_ms) if with_signed else UNSET,
            opks=prekeys.make_one_time(one_time),
        )
        self._file.state.forget_expired(now_ms)
        self._file.save()
        await self._api.call("POST", "/api/e2ee/prekeys", bodies.PrekeyCount, upload)

    async def _stored_backup(self) -> bodies.Backup | None:
        try:
            return await self._api.call("GET", "/api/e2ee/backup", bodies.Backup)
        except RefusedError as error:
            if error.code != "not_found":
                raise
            return None

    async def _enrol_first(self, user_id: bytes, pending: PendingCode) -> NewAccount:
        account_key = SigningKey.generate()
        code_entropy = os.urandom(seal_backup.RECOVERY_ENTROPY_BYTES)
        backup = make_backup(user_id, account_key, pending.secret, code_entropy)
        device, entry = self._make_device(account_key, user_id)
        first = first_device_list(account_key, user_id, [entry], self._now_ms())
        await self._enrol(device, pending.email, first, backup)
        return NewAccount(seal_backup.dump_recovery_code(code_entropy))

    async def _enrol_next(self, user_id: bytes, email: str, account_key: SigningKey) -> None:
        path = f"/api/e2ee/users/{wire.user_id(user_id)}/devices?since=0"
        found = await self._api.call("GET", path, bodies.DeviceDirectory)
        if b64url_decode(found.aik) != account_key.public:
            raise TrustError(TrustReason.IDENTITY_CHANGED)
        lists = [wire.parse_list(each) for each in found.lists]
        pin = verify_device_lists(user_id, account_key.public, lists, None)
        device, entry = self._make_device(account_key, user_id)
        entries = (*pin.devices.entries, entry)
        following = next_device_list(account_key, lists[-1], entries, self._now_ms())
        await self._enrol(device, email, following, None)

    def _make_device(
        self, account_key: SigningKey, user_id: bytes
    ) -> tuple[LocalDevice, DeviceEntry]:
        now_ms = self._now_ms()
        device = enrol_device(account_key, user_id, os.urandom(ID_BYTES), now_ms)
        entry = DeviceEntry(device.device_id, device.certificate.hash, DeviceStatus.ACTIVE, now_ms)
        return device, entry

    async def _enrol(
        self,
        device: LocalDevice,
        email: str,
        signed: SignedDeviceList,
        backup: bodies.Backup | None,
    ) -> None:
        state = self._file.state
        prekeys = OwnPrekeys(device, state)
        prekeys.start_anew()
        request = bodies.EnrolRequest(
            aik=b64url_encode(device.account_key),
            certificate=wire.dump_certificate(device.device_id, device.certificate),
            list=wire.dump_list(signed),
            spk=prekeys.make_signed(self._now_ms()),
            opks=prekeys.make_one_time(ONE_TIME_PREKEY_POOL),
            backup=UNSET if backup is None else backup,
        )
        state.me = Me(email, device)
        state.pins[device.user_id] = Pin(device.account_key, signed.body)
        self._file.save()
        await self._api.call("POST", "/api/e2ee/devices", bodies.SignedList, request)
