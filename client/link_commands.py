"""`python -m client link …`: what a link brings, without an account or anything kept here.

Exit status of `get`: 0 saved, 1 anything about disk, network or a link that has ended, 3 damaged,
4 not from whom it says, 5 another secret or passphrase, 6 not a link or one of a newer version.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from client.api import Api
from client.errors import RefusedError
from client.file_commands import NOT_FOR_US, NOT_READABLE, Refused, refusal, save_each
from client.link_visits import LinkAddress, LinkContents, LinkVisit, Reason
from client.progress import watch_on
from client.seal.errors import SealError
from client.seal.safety_number import shown_fingerprint
from client.transfer_commands import add_folder, moment


async def run(arguments: argparse.Namespace, ask: Callable[[str], str]) -> None:
    """Carry out one action; `ask` reads the answer to a question without showing it.

    Raises: Refused, and then the file that it is about has not been saved; RefusedError; OSError
    """
    try:
        address = LinkAddress.parse(arguments.url or ask("Link"))
    except SealError as error:
        raise Refused(NOT_READABLE, f"not understood: {error}") from error
    api = Api(address.origin)
    try:
        visit = LinkVisit(api, address, watch_on(sys.stderr))
        if (await visit.look()).has_passphrase:
            await visit.unlock(ask("Passphrase"))
        action = _report if arguments.action == "report" else _get
        await action(visit, arguments)
    except RefusedError as error:
        if error.code == "bad_link":
            raise Refused(NOT_FOR_US, "another secret or passphrase: nothing saved") from error
        raise
    except SealError as error:
        raise refusal(error) from error
    finally:
        api.close()


def add_arguments(link: argparse.ArgumentParser) -> None:
    """The arguments of `link get` and `link report`."""
    actions = link.add_subparsers(dest="action", required=True)
    get = actions.add_parser("get", help=_get.__doc__)
    report = actions.add_parser("report", help=_report.__doc__)
    for action in (get, report):
        action.add_argument("url", nargs="?", help="asked for when it does not stand here")
    add_folder(get)
    report.add_argument("--reason", choices=get_args(Reason), required=True)
    report.add_argument("--text", default="", help="what the operator should know")


async def _get(visit: LinkVisit, arguments: argparse.Namespace) -> None:
    """Verify and save the files of a link."""
    contents = await visit.open()
    print(_announcement(contents), file=sys.stderr, flush=True)
    files = contents.manifest.files
    arguments.output.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def save(number: int, place: Path) -> None:
        await visit.save(files[number], place)

    await save_each([each.name for each in files], arguments.output, save)
    print("intact: exactly what was sent", file=sys.stderr)


async def _report(visit: LinkVisit, arguments: argparse.Namespace) -> None:
    """Tell the operator of the server about a link; who does so stays unknown."""
    await visit.report(arguments.reason, arguments.text)


def _announcement(contents: LinkContents) -> str:
    """Everything that can be known before the first byte, in words."""
    files, sender = contents.manifest.files, contents.manifest.sender
    lines = [f"{each.name}, {each.size_bytes:,} bytes" for each in files]
    left = contents.downloads_left
    lines.append(
        f"until {moment(contents.expires_ms)}" + ("" if left is None else f", downloads: {left}")
    )
    if sender is None:
        lines.append("its sender did not say who they are")
    else:
        numbers = shown_fingerprint(sender.device.user_id, sender.device.account_key)
        lines.append(f"signed as {sender.name!r}, which proves no person; compare {numbers}")
    return "\n".join(lines)
