"""`python -m client file …`: sealing files for people or under a passphrase, and opening them.

Exit status of `open`: 0 saved, 1 anything about disk or network, 3 damaged, 4 not from whom it
says, 5 not for this device or another passphrase, 6 not a sealed file or one of a newer version.
"""

import argparse
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from client.engine import Engine, system_now_ms
from client.incoming import Received
from client.local_files import SUFFIX, SealedPath, different, seal_path, visible
from client.origins import origin_of
from client.progress import Watch, unwatched
from client.seal.errors import (
    DecryptError,
    DecryptReason,
    MalformedError,
    SealError,
    TrustError,
    TrustReason,
)
from client.seal.files import parse_manifest
from client.seal.identity import DeviceIdentity
from client.seal.password import MIN_PASSWORD_CHARACTERS
from client.seal.sealed_files import Sealer
from client.seal.sealed_head import NotSealedError, SealedKind
from client.state import State

FAILED, DAMAGED, WRONG_SENDER, NOT_FOR_US, NOT_READABLE = 1, 3, 4, 5, 6


class Refused(Exception):
    """A file that must not be saved; `status` is the exit status."""

    def __init__(self, status: int, verdict: str) -> None:
        super().__init__(verdict)
        self.status = status


def seal_for_passphrase(
    source: Path, target: Path | None, passphrase: str, watch: Watch = unwatched
) -> Path:
    """Seal a file for whoever knows a passphrase; returns where it is.

    Raises: MalformedError for a passphrase that is too short; FileExistsError; OSError
    """
    if len(passphrase) < MIN_PASSWORD_CHARACTERS:
        raise MalformedError(f"a passphrase has at least {MIN_PASSWORD_CHARACTERS} characters")
    return _seal(source, target, Sealer.for_passphrase(passphrase), watch)


def seal_for_devices(
    source: Path,
    target: Path | None,
    state: State,
    recipients: tuple[DeviceIdentity, ...],
    watch: Watch = unwatched,
) -> Path:
    """Seal a file for verified devices, signed by this one; returns where it is.

    Raises: FileExistsError; OSError
    """
    return _seal(source, target, Sealer.for_devices(recipients, state.device), watch)


def open_sealed(
    source: Path,
    target: Path | None,
    state: State,
    ask_passphrase: Callable[[], str],
    name_of: Callable[[DeviceIdentity], str],
    watch: Watch = unwatched,
) -> tuple[Path, str]:
    """Open a file and save it; returns where it is, and the verdict in words.

    `target` is by default the name the file brings, in the folder of the sealed one.
    Raises: Refused, and then nothing has been saved; FileExistsError; OSError
    """
    try:
        with SealedPath(source) as sealed:
            opened = sealed.open(_key(sealed, state, ask_passphrase))
            origin = origin_of(opened, state)
            place = target or source.parent / visible(opened.manifest.file.name)
            sealed.release(opened, place, watch)
    except SealError as error:
        raise refusal(error) from error
    name = "" if opened.sender is None else name_of(opened.sender)
    return place, f"intact, {origin.value.format(name=name)}"


async def save(engine: Engine, received: Received, record: dict[str, object], folder: Path) -> Path:
    """Fetch, verify and save a file of a message under the name it brings; returns where it is.

    Args:
        folder: one that exists

    Raises: SealError, and then nothing has been saved; RefusedError; FileExistsError; OSError
    """
    manifest, _ = parse_manifest(record)
    manifest.require_valid()
    place = folder / visible(manifest.name)
    await engine.save_file(received, record, place)
    return place


def verdict(error: Exception) -> str:
    """Say in words why a file of a message was not saved."""
    if isinstance(error, TrustError):
        return "not from a device of the sender: not saved"
    return "damaged: not saved" if isinstance(error, SealError) else f"not saved: {error}"


async def save_each(
    names: Sequence[str], folder: Path, save: Callable[[int, Path], Awaitable[None]]
) -> None:
    """Have files saved under their names and print where; what is damaged keeps no other one back.

    Args:
        folder: one that exists
        save: takes the number of a file, from 0, and its place; names that stand twice get a number

    Raises: Refused, with the status of the first file that was not saved; RefusedError; OSError
    """
    refused: list[tuple[str, Refused]] = []
    for number, name in enumerate(different(names)):
        try:
            await save(number, folder / name)
        except SealError as error:
            refused.append((name, refusal(error)))
        except FileExistsError as error:
            refused.append((name, Refused(FAILED, f"not saved: {error}")))
        else:
            print(folder / name, flush=True)
    if refused:
        verdicts = "\n".join(f"{name}: {error}" for name, error in refused)
        raise Refused(refused[0][1].status, verdicts)


def refusal(error: SealError) -> Refused:
    """The verdict for what a file was refused with."""
    match error:
        case NotSealedError():
            return Refused(NOT_READABLE, "not a sealed file")
        case DecryptError(reason=DecryptReason.UNSUPPORTED):
            return Refused(NOT_READABLE, "sealed by a newer version: not saved")
        case DecryptError(reason=DecryptReason.NO_SESSION):
            return Refused(NOT_FOR_US, "not for this device, or another passphrase: not saved")
        case TrustError(reason=TrustReason.WEAK_PARAMETERS):
            return Refused(DAMAGED, "asks for unsafe stretching: not saved")
        case TrustError():
            return Refused(WRONG_SENDER, "not from whom it says: not saved")
    return Refused(DAMAGED, "damaged: not saved")


def needs_device(arguments: argparse.Namespace) -> bool:
    """Whether a command needs the keys of this device, and not a passphrase alone.

    Raises: Refused for what is no sealed file; OSError
    """
    if arguments.action == "seal":
        return not arguments.passphrase
    try:
        with SealedPath(arguments.path) as sealed:
            return sealed.head.kind is SealedKind.PEOPLE
    except SealError as error:
        raise refusal(error) from error


def add_arguments(file: argparse.ArgumentParser) -> None:
    """The arguments of `file seal` and `file open`."""
    actions = file.add_subparsers(dest="action", required=True)
    seal = actions.add_parser("seal", help="make one .seal file, signed by this device")
    seal.add_argument("path", type=Path)
    recipient = seal.add_mutually_exclusive_group(required=True)
    recipient.add_argument("--to", metavar="CONTACT", help="friend code of who can open it")
    recipient.add_argument("--me", action="store_true", help="the devices of this account open it")
    recipient.add_argument(
        "--passphrase", action="store_true", help="ask for one; whoever knows it opens the file"
    )
    opening = actions.add_parser("open", help="verify a .seal file, and save what is in it")
    opening.add_argument("path", type=Path)
    for action in (seal, opening):
        action.add_argument("--output", type=Path, help="where to; never overwrites")


def _seal(source: Path, target: Path | None, sealer: Sealer, watch: Watch) -> Path:
    place = target or source.with_name(source.name + SUFFIX)
    seal_path(source, place, sealer, system_now_ms(), watch)
    return place


def _key(sealed: SealedPath, state: State, ask_passphrase: Callable[[], str]) -> bytes:
    if sealed.head.kind is SealedKind.PASSPHRASE:
        return sealed.head.key_for_passphrase(ask_passphrase())
    if state.me is None:
        raise DecryptError(DecryptReason.NO_SESSION)
    return sealed.head.key_for_device(state.device)
