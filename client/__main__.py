"""Sealroom without a browser: `python -m client --help`.

Passwords, recovery codes and e-mailed codes are asked for, never taken from the command line, where
other users of the machine could read them.
Without a terminal they are read from standard input, one a line.
"""

import argparse
import asyncio
import getpass
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPError

from client import file_commands, link_commands, transfer_commands
from client.account import Account, PendingCode
from client.api import Api
from client.connections import Messenger
from client.engine import Engine, system_now_ms
from client.errors import ConnectionLostError, RefusedError, StateInUseError
from client.incoming import Received
from client.people import People
from client.progress import watch_on
from client.seal.encoding import b64url_decode, b64url_encode
from client.seal.errors import DecryptError, MalformedError, SealError
from client.seal.identity import DeviceIdentity
from client.seal.safety_number import safety_number
from client.socket import Socket
from client.state import StateFile, open_state
from client.terminal import plain
from client.transfer_commands import TransferCommands
from protocol.ids import DeviceId

RECONNECT_S = 2.0
IN_USE = 7
"""Exit status when another process works with the state; what files are refused with is 3 to 6."""
POSITIONAL: dict[str, tuple[str, ...]] = {
    "register": ("email", "name"),
    "login": ("email",),
    "whoami": (),
    "token": (),
    "add": ("person",),
    "contacts": (),
    "accept": ("person",),
    "safety": ("person",),
    "send": ("person", "text"),
    "attach": ("person", "path"),
    "tail": (),
}
ID = re.compile("[A-Za-z0-9_-]{22}")  # no option has this form
HELP = {"person": "friend code; `add` takes an e-mail address as well"}


class Cli:
    """One run: the state of one account and the connection to its server."""

    def __init__(self, api: Api, state_file: StateFile, messenger: Messenger | None) -> None:
        self.messenger = messenger
        self.state_file = state_file
        self.api = api
        self.watch = watch_on(sys.stderr)
        self.account = Account(self.api, self.state_file, system_now_ms)
        self.engine = Engine(self.api, self.state_file, watch=self.watch)
        self.people = People(self.api)

    async def register(self, arguments: argparse.Namespace) -> None:
        """Open an account and enrol this device."""
        password = _ask_secret("New password")
        pending = await self.account.sign_up(arguments.email, arguments.name, password)
        new = await self.account.submit_code(pending, _ask("Code from the mail"))
        if new is not None:
            print("Write this recovery code down, it is shown once:")
            print(new.recovery_code)

    async def login(self, arguments: argparse.Namespace) -> None:
        """Enrol this device for an account that exists."""
        pending = await self.account.log_in(arguments.email, _ask_secret("Password"))
        await self._finish_login(pending, with_recovery=arguments.recovery)

    async def whoami(self, _: argparse.Namespace) -> None:
        """Print the own name and friend code."""
        await self.account.resume()
        me = await self.people.me()
        print(f"{plain(me.display_name)} <{plain(me.email)}>, friend code {me.friend_code}")

    async def token(self, _: argparse.Namespace) -> None:
        """Print an access token, good for 15 minutes, and the id of this device."""
        await self.account.resume()
        print(self.api.access_token, b64url_encode(self.state_file.state.device.device_id))

    async def add(self, arguments: argparse.Namespace) -> None:
        """Ask somebody to become a contact."""
        await self.account.resume()
        await self.people.add(arguments.person)

    async def contacts(self, _: argparse.Namespace) -> None:
        """List the contacts and requests."""
        await self.account.resume()
        for contact in (await self.people.contacts()).contacts:
            name = plain(contact.user.display_name)
            print(f"{contact.user.friend_code}  {contact.state:9}  {name}")

    async def accept(self, arguments: argparse.Namespace) -> None:
        """Agree to somebody's request."""
        await self.account.resume()
        await self.people.accept(await self.people.find(arguments.person, "incoming"))

    async def safety(self, arguments: argparse.Namespace) -> None:
        """Print the safety number shared with a contact."""
        await self.account.resume()
        user = b64url_decode(await self.people.find(arguments.person, "accepted"))
        pin = (await self.engine.directory.devices_of(user)).pin
        own = self.state_file.state.device
        print(safety_number((own.user_id, own.account_key), (user, pin.account_key)))

    async def send(self, arguments: argparse.Namespace) -> None:
        """Send a text to a contact."""
        await self._wake()
        peer = b64url_decode(await self.people.find(arguments.person, "accepted"))
        room_id = await self.engine.open_room(peer)
        if self.messenger is None:
            answer = await self.engine.send_text(room_id, arguments.text)
        else:
            async with await self._connect() as socket:
                answer = await self.engine.send_text(room_id, arguments.text, socket)
        print(f"sent as number {answer.seq}")

    async def attach(self, arguments: argparse.Namespace) -> None:
        """Send files to a contact, up to ten in one message."""
        await self._wake()
        peer = b64url_decode(await self.people.find(arguments.person, "accepted"))
        room_id = await self.engine.open_room(peer)
        answer = await self.engine.send_files(room_id, arguments.path, arguments.text)
        print(f"sent as number {answer.seq}")

    async def tail(self, arguments: argparse.Namespace) -> None:
        """Print what arrives, through lost connections, until interrupted."""
        left = arguments.count
        if arguments.save is not None:
            arguments.save.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = await self._names()
        while left is None or left > 0:
            try:
                await self._wake()
                async with await self._connect() as socket:
                    async for received in self.engine.follow(socket):
                        if received.is_control:
                            continue
                        print(_line(received, names), flush=True)
                        await self._save_files(received, arguments.save)
                        left = None if left is None else left - 1
                        if left == 0:
                            break
            except (ConnectionLostError, OSError):
                pass
            if left != 0:
                await asyncio.sleep(RECONNECT_S)

    async def _save_files(self, received: Received, folder: Path | None) -> None:
        """Save the files of a message that are intact, and say for each what became of it."""
        if folder is None:
            return
        for record in received.files:
            try:
                place = await file_commands.save(self.engine, received, record, folder)
            except (RefusedError, SealError, OSError) as error:
                print(f"  {file_commands.verdict(error)}", file=sys.stderr, flush=True)
            else:
                print(f"  {place}", flush=True)

    async def file(self, arguments: argparse.Namespace) -> None:
        """Seal a file so that only its recipients open it, or open one."""
        if arguments.action == "open":
            names = await self._known_names()
            place, verdict = file_commands.open_sealed(
                arguments.path,
                arguments.output,
                self.state_file.state,
                lambda: _ask_secret("Passphrase"),
                lambda sender: names.get(sender.user_id, "somebody known here"),
                self.watch,
            )
            print(place)
            print(verdict, file=sys.stderr)
        elif arguments.passphrase:
            passphrase = _ask_secret("Passphrase")
            place = file_commands.seal_for_passphrase(
                arguments.path, arguments.output, passphrase, self.watch
            )
            print(place)
        else:
            await self.account.resume()
            state, recipients = self.state_file.state, await self._recipients(arguments.to)
            place = file_commands.seal_for_devices(
                arguments.path, arguments.output, state, recipients, self.watch
            )
            print(place)

    async def transfer(self, arguments: argparse.Namespace) -> None:
        """Send files for a time, to a contact, an address or by link, and get what others sent."""
        await self.account.resume()
        commands = TransferCommands(
            self.engine,
            self.people,
            self.state_file.state.device,
            self.api.base_url,
            lambda: _ask_secret("Passphrase"),
        )
        await commands.settle()
        await getattr(commands, arguments.action)(arguments)

    async def _recipients(self, friend_code: str | None) -> tuple[DeviceIdentity, ...]:
        """The verified devices of a contact, or of this account when there is no friend code."""
        user = self.state_file.state.device.user_id
        if friend_code is not None:
            user = b64url_decode(await self.people.find(friend_code, "accepted"))
        return (await self.engine.directory.devices_of(user)).active

    async def _known_names(self) -> dict[bytes, str]:
        """What contacts are called; nothing without a network, which opening does not need."""
        if self.state_file.state.me is None:
            return {}
        try:
            return await self._names()
        except (OSError, HTTPError, RefusedError):
            return {}

    async def _connect(self) -> Socket:
        device = DeviceId(b64url_encode(self.state_file.state.device.device_id))
        return await Socket.open(self.api, device, self.messenger)

    async def _wake(self) -> None:
        """Log in again with what is kept, and see to the keys before they are used."""
        await self.account.resume()
        await self.account.recover_from_rollback()
        await self.account.replenish()
        await self.engine.settle_transfers()

    async def _finish_login(self, pending: PendingCode, *, with_recovery: bool) -> None:
        code = _ask("Code from the mail")
        recovery_code = _ask_secret("Recovery code") if with_recovery else None
        await self.account.submit_code(pending, code, recovery_code)

    async def _names(self) -> dict[bytes, str]:
        await self.account.resume()
        contacts = (await self.people.contacts()).contacts
        return {b64url_decode(each.user.id): plain(each.user.display_name) for each in contacts}


def _line(received: Received, names: dict[bytes, str]) -> str:
    moment = datetime.fromtimestamp(received.server_ms / 1_000, UTC).strftime("%H:%M:%S")
    name = names.get(received.sender_user, "another device of mine")
    if received.reason is not None:
        return f"{moment} {name}: [cannot be opened: {received.reason}]"
    words = [] if received.text is None else [plain(received.text)]
    words += [f"[file {each.get('name')!r}]" for each in received.files]
    return f"{moment} {name}: {' '.join(filter(None, words)) or '[not a text]'}"


def _ask(question: str) -> str:
    return input(f"{question}: " if sys.stdin.isatty() else "").strip()


def _ask_secret(question: str) -> str:
    return getpass.getpass(f"{question}: ") if sys.stdin.isatty() else input()


class _Parser(argparse.ArgumentParser):
    """Takes what has the form of an id for one: one in 64 begins with a hyphen."""

    def _parse_optional(self, arg_string: str) -> Any:
        return None if ID.fullmatch(arg_string) else super()._parse_optional(arg_string)


def make_parser() -> argparse.ArgumentParser:
    """All commands with their arguments, as docs/client.md lists them."""
    parser = _Parser(prog="python -m client", description="Sealroom in a terminal.")
    parser.add_argument("--server", default="http://localhost:8888", help="base address")
    parser.add_argument(
        "--state",
        type=Path,
        default=Path.home() / ".sealroom" / "state.msgpack",
        help="file with the keys of this device; keep it secret",
    )
    parser.add_argument(
        "--tcp",
        type=Messenger.at,
        metavar="ADDRESS",
        help="let frames go to a TCP messenger, host:port or tls://host:port",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, positional in POSITIONAL.items():
        command = commands.add_parser(name, help=getattr(Cli, name).__doc__)
        for argument in positional:
            options: dict[str, Any] = {"nargs": "+", "type": Path} if argument == "path" else {}
            command.add_argument(argument, help=HELP.get(argument), **options)
        if name == "attach":
            command.add_argument("--text", default="", help="what to say with them")
        if name == "login":
            command.add_argument(
                "--recovery", action="store_true", help="ask for the recovery code"
            )
        if name == "tail":
            command.add_argument("--count", type=int, help="stop after that many messages")
            command.add_argument(
                "--save", type=Path, metavar="FOLDER", help="save the files that come, verified"
            )
    file_commands.add_arguments(commands.add_parser("file", help=Cli.file.__doc__))
    transfer_commands.add_arguments(commands.add_parser("transfer", help=Cli.transfer.__doc__))
    link_commands.add_arguments(
        commands.add_parser("link", help="get the files of a link, or report it; needs no account")
    )
    return parser


async def _run(arguments: argparse.Namespace) -> int:
    try:
        await _carry_out(arguments)
    except file_commands.Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    except StateInUseError as error:
        print(error, file=sys.stderr)
        return IN_USE
    except (RefusedError, ConnectionLostError, SealError, HTTPError, OSError) as error:
        print(_explanation(error), file=sys.stderr)
        return 1
    return 0


async def _carry_out(arguments: argparse.Namespace) -> None:
    if arguments.command == "link":  # touches neither the account nor its state
        await link_commands.run(arguments, _ask_secret)
        return
    with (
        closing(await open_state(_state_path(arguments))) as file,
        closing(Api(arguments.server, file.state.refresh_cookie)) as api,
    ):
        cli = Cli(api, file, arguments.tcp)
        command: Callable[[argparse.Namespace], Awaitable[None]] = getattr(cli, arguments.command)
        await command(arguments)


def _state_path(arguments: argparse.Namespace) -> Path | None:
    """Where the state is kept; None for a command without one, which leaves nothing behind."""
    if arguments.command == "file" and not file_commands.needs_device(arguments):
        return None
    path: Path = arguments.state
    return path if path.exists() or arguments.command in ("register", "login") else None


def _explanation(error: Exception) -> str:
    if isinstance(error, DecryptError):
        return "The password does not open this account's keys; try --recovery."
    if isinstance(error, MalformedError):
        return f"Not understood: {error}."
    return str(error)


def main() -> None:
    """Run one command; exit status 1 with a sentence on standard error when it fails."""
    arguments = make_parser().parse_args()
    try:
        sys.exit(asyncio.run(_run(arguments)))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
