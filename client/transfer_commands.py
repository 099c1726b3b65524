"""`python -m client transfer …`: files for a contact, for an address, or for whoever has a link.

`send` prints the link once and keeps it nowhere. Exit status of `get` as of `file open`.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from client.engine import Engine
from client.errors import RefusedError
from client.file_commands import refusal, save_each
from client.link_visits import LinkAddress
from client.local_files import sealed_name
from client.people import People
from client.received_transfers import ReceivedFile
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import MalformedError, SealError
from client.seal.identity import LocalDevice
from client.seal.password import MIN_PASSWORD_CHARACTERS
from client.seal.safety_number import shown_fingerprint
from client.sent_transfers import Terms
from client.terminal import plain
from protocol import bodies
from protocol.limits import (
    DAY_MS,
    HOUR_MS,
    TRANSFER_DOWNLOADS,
    TRANSFER_MIN_TTL_MS,
    TRANSFER_TTL_MS,
)


class TransferCommands:
    """The actions of `transfer`, for an account that is logged in; `origin` is its server."""

    def __init__(
        self,
        engine: Engine,
        people: People,
        device: LocalDevice,
        origin: str,
        ask_passphrase: Callable[[], str],
    ) -> None:
        self._sent = engine.sent_transfers
        self._received = engine.received_transfers
        self._people = people
        self._device = device
        self._origin = origin
        self._ask_passphrase = ask_passphrase

    async def send(self, arguments: argparse.Namespace) -> None:
        """Send files, up to ten; prints the link, or the id of what a contact gets."""
        terms = _terms(arguments)
        if arguments.to is not None:
            if arguments.passphrase or arguments.anonymous:
                raise MalformedError("a contact needs no passphrase and knows who sends")
            user = b64url_decode(await self._people.find(arguments.to, "accepted"))
            transfer_id = await self._sent.send_to_person(user, arguments.path, terms)
            print(b64url_encode(transfer_id))
            return
        link = await self._sent.send_by_link(
            arguments.path,
            terms,
            email=arguments.address,
            passphrase=self._new_passphrase() if arguments.passphrase else None,
            signed_as=None if arguments.anonymous else (await self._people.me()).display_name,
        )
        print(LinkAddress(self._origin, link.transfer_id, link.secret).dump())

    async def sent(self, _: argparse.Namespace) -> None:
        """List what has not ended, and the number that links of this account show."""
        names = await self._names()
        for transfer in await self._sent.live():
            whom = _whom(transfer, names)
            print(f"{transfer.id}  {whom}  {_amount(transfer.files)}  {_fate(transfer)}")
        own = self._device
        print(f"links are signed with {shown_fingerprint(own.user_id, own.account_key)}")

    async def withdraw(self, arguments: argparse.Namespace) -> None:
        """End a transfer that this account sent; nobody can download it any more."""
        await self._sent.withdraw(arguments.id)

    async def inbox(self, _: argparse.Namespace) -> None:
        """List what others have sent."""
        for transfer in await self._received.live():
            what = f"{plain(transfer.sender.display_name)}  {_amount(transfer.files)}"
            print(f"{transfer.id}  {transfer.state:8}  {what}  until {moment(transfer.expires_ms)}")

    async def accept(self, arguments: argparse.Namespace) -> None:
        """Take what was sent to the own address; its sender becomes a contact."""
        await self._received.accept(arguments.id)

    async def decline(self, arguments: argparse.Namespace) -> None:
        """Take a transfer out of the inbox, for good."""
        await self._received.decline(arguments.id)

    async def get(self, arguments: argparse.Namespace) -> None:
        """Verify and save the files of a transfer, or keep them sealed."""
        transfer = await self._received.find(arguments.id)
        if transfer.state != "sealed":
            raise RefusedError({"code": transfer.state, "message": _WAITING[transfer.state]})
        try:
            files = await self._received.open(transfer)
        except SealError as error:
            raise refusal(error) from error
        arguments.output.mkdir(mode=0o700, parents=True, exist_ok=True)

        names = [each.manifest.name for each in files]
        move = self._received.save
        if arguments.sealed:
            names, move = [sealed_name(each) for each in names], self._received.keep

        async def save(number: int, place: Path) -> None:
            await move(files[number], place)

        await save_each(names, arguments.output, save)
        await self._received.note_downloaded(transfer.id)
        print(_verdict(files, plain(transfer.sender.display_name)), file=sys.stderr)

    async def _names(self) -> dict[str, str]:
        return {
            each.user.id: plain(each.user.display_name)
            for each in (await self._people.contacts()).contacts
        }

    async def settle(self) -> None:
        """Do what is owed, and say what could not be done."""
        for transfer_id, error in (await self._sent.settle()).items():
            print(f"{transfer_id}: not settled yet: {error}", file=sys.stderr)

    def _new_passphrase(self) -> str:
        passphrase = self._ask_passphrase()
        if len(passphrase) < MIN_PASSWORD_CHARACTERS:
            raise MalformedError(f"a passphrase has at least {MIN_PASSWORD_CHARACTERS} characters")
        return passphrase


_WAITING = {
    "offered": "accept it first",
    "accepted": "waits for a device of its sender to come on-line",
}


def add_arguments(transfer: argparse.ArgumentParser) -> None:
    """The arguments of all actions of `transfer`."""
    actions = transfer.add_subparsers(dest="action", required=True)
    send = actions.add_parser("send", help=TransferCommands.send.__doc__)
    send.add_argument("path", type=Path, nargs="+")
    whom = send.add_mutually_exclusive_group(required=True)
    whom.add_argument("--to", metavar="CONTACT", help="friend code of who gets them")
    whom.add_argument("--address", metavar="EMAIL", help="for whoever has it; prints a link too")
    whom.add_argument("--link", action="store_true", help="for whoever has the link")
    send.add_argument(
        "--passphrase", action="store_true", help="ask for one, without which no link opens"
    )
    send.add_argument("--anonymous", action="store_true", help="the link does not say who sends")
    lives = send.add_mutually_exclusive_group()
    lives.add_argument("--days", type=int, help="1 to 7, which is the default")
    lives.add_argument("--hours", type=int, help="1 to 168")
    send.add_argument("--limit", type=int, metavar="N", help="how often it may be downloaded")
    for name in ("sent", "inbox", "withdraw", "accept", "decline", "get"):
        action = actions.add_parser(name, help=getattr(TransferCommands, name).__doc__)
        if name not in ("sent", "inbox"):
            action.add_argument("id")
        if name == "get":
            add_folder(action)
            action.add_argument(
                "--sealed", action="store_true", help="keep .seal files, for `file open`"
            )


def add_folder(action: argparse.ArgumentParser) -> None:
    """Where an action saves files."""
    here = Path()
    action.add_argument(
        "--output", type=Path, metavar="FOLDER", default=here, help="where to; never overwrites"
    )


def moment(now_ms: int) -> str:
    """Date and time in UTC, to the minute."""
    return datetime.fromtimestamp(now_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _terms(arguments: argparse.Namespace) -> Terms:
    """Raises: MalformedError."""
    lives_ms = TRANSFER_TTL_MS
    if arguments.days is not None:
        lives_ms = arguments.days * DAY_MS
    if arguments.hours is not None:
        lives_ms = arguments.hours * HOUR_MS
    if not TRANSFER_MIN_TTL_MS <= lives_ms <= TRANSFER_TTL_MS:
        raise MalformedError("a transfer lives from one hour to seven days")
    if arguments.limit is not None and not 1 <= arguments.limit <= TRANSFER_DOWNLOADS:
        raise MalformedError(f"a limit is from 1 to {TRANSFER_DOWNLOADS}")
    return Terms(lives_ms, arguments.limit)


def _amount(files: Sequence[bodies.TransferFile]) -> str:
    size_mib = sum(each.size_bytes for each in files) / 2**20
    return f"{len(files)} file{'s' * (len(files) > 1)}, {size_mib:.1f} MiB"


def _whom(transfer: bodies.SentTransfer, names: Mapping[str, str]) -> str:
    """Whom it is for: beside an address, who accepted it, because that is who gets the keys."""
    name = transfer.user and names.get(transfer.user, "nobody you know")
    if transfer.email is None:
        return name or "link"
    email = plain(transfer.email)
    return f"{email} ({name})" if name else email


def _fate(transfer: bodies.SentTransfer) -> str:
    """What has become of a transfer, in words."""
    if transfer.state == "draft":
        return "not sent yet"
    most = "" if transfer.max_downloads is None else f" of {transfer.max_downloads}"
    words = [f"until {moment(transfer.expires_ms)}", f"downloads: {transfer.downloads}{most}"]
    if transfer.kind == "address" and transfer.user is not None:
        words.append("sealed for them" if transfer.is_sealed else "accepted")
    if transfer.downloaded_ms is not None:
        words.append("arrived")
    return ", ".join(words)


def _verdict(files: Sequence[ReceivedFile], name: str) -> str:
    """Whom the files come from, in words; the same for all of one device."""
    words = (f"intact, {each.origin.value.format(name=name)}" for each in files)
    return "\n".join(dict.fromkeys(words))
