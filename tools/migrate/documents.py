"""What the rows of the embedded database are in MongoDB, one function for each collection.

They yield the documents that the stores of `storage/mongo` would have written. Ids that a store
draws are made from the rows' own keys, which keeps their order.
"""

import hashlib
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from bson import ObjectId

from models.accounts import Account, KdfParams, Preferences, Verifier
from models.backups import Backup
from models.codes import PendingCode
from models.devices import Device, DeviceList
from models.logins import Login
from models.reports import Report
from models.rooms import Member, Room
from models.transfers import Link, Transfer
from protocol.limits import DAY_MS, FILE_UPLOAD_TTL_MS
from storage.mongo.append import message_id
from storage.mongo.client import Document
from storage.mongo.devices import list_id
from storage.mongo.documents import date, dump
from storage.mongo.pairs import Relation, Side
from storage.mongo.reports import dump_report
from storage.mongo.rooms import dump_room
from storage.mongo.transfers import dump_transfer
from tools.migrate.source import Row, Source

Documents = Iterator[Document]


def _key(number: int) -> ObjectId:
    """Return a row's key as an id that sorts as the keys do."""
    return ObjectId(number.to_bytes(12, "big"))


def _drawn(name: str) -> ObjectId:
    """Return an id that no other document knows."""
    return ObjectId(hashlib.sha256(name.encode()).digest()[:12])


def _value(kind: type[Any], row: Row, **others: Any) -> Any:
    """Return a dataclass made of a row and of what the row has in another form."""
    return msgspec.convert({**row, **others}, kind)


def _by(column: str, rows: Iterator[Row]) -> Iterator[tuple[Any, list[Row]]]:
    """Group rows that come ordered by a column."""
    for value, group in groupby(rows, key=lambda row: row[column]):
        yield value, list(group)


def accounts(source: Source) -> Documents:
    """Yield the users' documents, with backup, newest device list and devices."""
    for row in source.rows("SELECT * FROM accounts"):
        kdf = KdfParams(row["kdf_m_kib"], row["kdf_t"], row["kdf_p"])
        verifier = Verifier(row["salt"], kdf, row["password_hash"])
        preferences = Preferences(bool(row["read_receipts"]), bool(row["presence"]))
        account = _value(Account, row, verifier=verifier, preferences=preferences)
        yield {**dump(account, "user_id"), **_backup(source, row), **_devices(source, row)}


def _backup(source: Source, account: Row) -> Document:
    for row in source.rows("SELECT * FROM backups WHERE user_id = ?", account["user_id"]):
        wraps = msgspec.json.decode(row["wraps"])
        return {"backup": msgspec.to_builtins(_value(Backup, row, wraps=wraps))}
    return {}


def _devices(source: Source, account: Row) -> Document:
    user_id = account["user_id"]
    newest = list(
        source.rows(
            "SELECT * FROM device_lists WHERE user_id = ? ORDER BY version DESC LIMIT 1", user_id
        )
    )
    if not newest:
        return {}
    found = source.rows("SELECT * FROM devices WHERE user_id = ? ORDER BY device_key", user_id)
    return {
        "device_list": _device_list(newest[0]),
        "devices": [_device(row, newest[0]["version"]) for row in found],
    }


def _device_list(row: Row) -> Document:
    active = msgspec.json.decode(row["active"])
    document: Document = msgspec.to_builtins(_value(DeviceList, row, active=active))
    return document


def _device(row: Row, version: int) -> Document:
    device = msgspec.to_builtins(_value(Device, row))
    del device["user_id"]
    return {**device, "pool": _key(row["device_key"]), "since": version}


def device_lists(source: Source) -> Documents:
    """Yield the lists before the newest ones."""
    earlier = source.rows(
        "SELECT * FROM device_lists l WHERE version <"
        " (SELECT max(version) FROM device_lists WHERE user_id = l.user_id)"
    )
    for row in earlier:
        yield {"_id": list_id(row), **_device_list(row)}


def prekeys(source: Source) -> Documents:
    """Yield the pools of all devices; those of inactive ones are empty."""
    devices = source.rows(
        "SELECT *, (SELECT max(version) FROM device_lists l WHERE l.user_id = d.user_id) since"
        " FROM devices d"
    )
    signed = "SELECT key_id, pub, created_ms, expires_ms, sig FROM signed_prekeys"
    one_time = "SELECT key_id, pub, sig FROM one_time_prekeys"
    for row in devices:
        key = row["device_key"]
        spk = next(source.rows(f"{signed} WHERE device_key = ?", key), None)
        opks = list(source.rows(f"{one_time} WHERE device_key = ? ORDER BY key_id", key))
        kept = {name: row[name] for name in ("user_id", "since", "newest_spk", "newest_opk")}
        yield {"_id": _key(key), **kept, "spk": spk, "opks": opks, "marks": []}


def _claim_name(row: Row) -> str:
    return f"{row['user_id']} {row['device_id']} {row['claim_id']}"


def claims(source: Source) -> Documents:
    """Yield the answers of claims."""
    for row in source.rows("SELECT * FROM claims"):
        ends = date(row["claimed_ms"] + DAY_MS)
        answer = {"claimed_ms": row["claimed_ms"], "expires": ends, "bundles": row["bundles"]}
        yield {"_id": _claim_name(row), **answer}


def shares(source: Source) -> Documents:
    """Yield what each person has claimed of which device."""
    taken = source.rows(
        "SELECT p.user_id, p.target_device, p.claimed_ms, c.device_id, c.claim_id"
        " FROM claimed_prekeys p JOIN claims c USING (claim_key) ORDER BY p.user_id, p.claimed_ms"
    )
    for user_id, rows in _by("user_id", taken):
        entries = [
            {
                "claim": _claim_name(row),
                "device_id": row["target_device"],
                "claimed_ms": row["claimed_ms"],
            }
            for row in rows
        ]
        ends = date(rows[-1]["claimed_ms"] + DAY_MS)
        yield {"_id": user_id, "expires": ends, "taken": entries}


def codes(source: Source) -> Documents:
    """Yield e-mailed codes with their failed attempts."""
    for row in source.rows("SELECT * FROM codes"):
        registration = row["registration"] and msgspec.json.decode(row["registration"])
        code = _value(PendingCode, row, registration=registration)
        ends = {"expires": date(row["expires_ms"]), "failed": row["failed"]}
        yield {**dump(code, "ticket_hash"), **ends}


def logins(source: Source) -> Documents:
    """Yield log-ins with every token they ever had."""
    tokens = "SELECT * FROM refresh_tokens WHERE login_id = ? ORDER BY number"
    for row in source.rows("SELECT * FROM logins"):
        known = list(source.rows(tokens, row["login_id"]))
        before = known[-2] if len(known) > 1 else {"token_hash": None, "replaced_ms": 0}
        yield {
            **dump(_value(Login, row), "login_id"),
            "expires": date(row["expires_ms"]),
            "tokens": [token["token_hash"] for token in known],
            "current": known[-1]["token_hash"],
            "previous": before["token_hash"],
            "replaced_ms": before["replaced_ms"],
        }


def trusts(source: Source) -> Documents:
    """Yield browsers that need no code."""
    for row in source.rows("SELECT user_id, device_id, expires_ms, token_hash FROM trusts"):
        trust_id = f"{row['user_id']} {row['device_id']} {row.pop('token_hash')}"
        yield {"_id": trust_id, **row, "expires": date(row["expires_ms"])}


def relations(source: Source) -> Documents:
    """Yield pairs of people: what each sees of the relation, and who blocked whom."""
    rows = source.rows(
        "SELECT min(user_id, other) || ' ' || max(user_id, other) pair, user_id, other,"
        " relation_key, state, by_email, r.created_ms, b.created_ms blocked_ms"
        " FROM relations r FULL JOIN blocks b USING (user_id, other) ORDER BY pair"
    )
    for pair, sides in _by("pair", rows):
        both = {user_id: Side(user_id) for user_id in pair.split(" ")}
        both |= {row["user_id"]: _side(row) for row in sides}
        yield {
            "_id": pair,
            "revision": _drawn(pair),
            "sides": msgspec.to_builtins([*both.values()]),
        }


def _side(row: Row) -> Side:
    if row["state"] is None:
        return Side(row["user_id"], blocked_ms=row["blocked_ms"])
    relation = _value(Relation, row, place=f"{row['relation_key']:024x}")
    return Side(row["user_id"], relation, None, row["blocked_ms"])


def invites(source: Source) -> Documents:
    """Yield addresses with everybody who asked them."""
    rows = source.rows("SELECT * FROM invites ORDER BY email, invite_key")
    for email, askers in _by("email", rows):
        asked = [
            {
                "user_id": row["user_id"],
                "created_ms": row["created_ms"],
                "place": f"{row['invite_key']:024x}",
            }
            for row in askers
        ]
        yield {"_id": email, "askers": asked}


def rooms(source: Source) -> Documents:
    """Yield the rooms that somebody can still reach."""
    members = "SELECT * FROM members WHERE room_key = ? ORDER BY position"
    for row in source.rows("SELECT * FROM rooms WHERE pair IS NOT NULL"):
        there = list(source.rows(members, row["room_key"]))
        who = tuple(_value(Member, member, keep=bool(member["keep"])) for member in there)
        yield dump_room(_key(row["room_key"]), _value(Room, row, members=who), row["pair"])


def messages(source: Source) -> Documents:
    """Yield the messages of those rooms with their capsules."""
    found = source.rows(
        "SELECT m.* FROM messages m JOIN rooms USING (room_key) WHERE pair IS NOT NULL"
    )
    capsules = "SELECT user_id, device_id, capsule FROM capsules WHERE message_key = ?"
    for row in found:
        message_key, room = row.pop("message_key"), _key(row.pop("room_key"))
        names = {"_id": message_id(room, row["seq"]), "call": _key(message_key), "room": room}
        sealed = list(source.rows(capsules, message_key))
        yield {**names, **row, "capsules": sealed}


def files(source: Source) -> Documents:
    """Yield what is known of files; the files themselves stay where they are."""
    rows = source.rows(
        "SELECT f.*, room_key FROM files f LEFT JOIN rooms r"
        " ON r.room_id = f.room_id AND pair IS NOT NULL"
    )
    for row in rows:
        room_key = row.pop("room_key")
        of_room = {"room": None if room_key is None else _key(room_key)}
        yield {"_id": row.pop("file_id"), **row, **of_room}


def file_parts(source: Source) -> Documents:
    """Yield which parts of unfinished files are there or expected."""
    rows = source.rows("SELECT p.*, created_ms FROM file_parts p JOIN files USING (file_id)")
    for row in rows:
        ends = date(row.pop("created_ms") + FILE_UPLOAD_TTL_MS)
        row["is_here"] = bool(row["is_here"])
        yield {"_id": f"{row['file_id']} {row['number']}", **row, "expires": ends}


def transfers(source: Source) -> Documents:
    """Yield transfers with their heads and who has taken a download."""
    heads = "SELECT head FROM transfer_heads WHERE transfer_id = ? ORDER BY position"
    holders = "SELECT holder FROM transfer_downloads WHERE transfer_id = ? ORDER BY holder"
    for row in source.rows("SELECT * FROM transfers"):
        transfer_id = row["transfer_id"]
        kept = {
            "heads": [each["head"] for each in source.rows(heads, transfer_id)],
            "ends_ms": row["ends_ms"],
            "holders": [each["holder"] for each in source.rows(holders, transfer_id)],
        }
        yield dump_transfer(_transfer(row), **kept)


def _transfer(row: Row) -> Transfer:
    others: Row = {name: bool(row[name]) for name in ("is_sealed", "is_hidden")}
    if row["auth_hash"] is not None:
        others["link"] = _value(Link, row, has_passphrase=bool(row["has_passphrase"]))
    transfer: Transfer = _value(Transfer, row, files=msgspec.json.decode(row["files"]), **others)
    return transfer


def reports(source: Source) -> Documents:
    """Yield what people told the operator, numbered for each transfer."""
    rows = source.rows("SELECT * FROM reports ORDER BY transfer_id, report_key")
    for _, told in _by("transfer_id", rows):
        for number, row in enumerate(told):
            yield dump_report(_value(Report, row), number)


COLLECTIONS: dict[str, Callable[[Source], Documents]] = {
    make.__name__: make
    for make in (
        accounts,
        device_lists,
        prekeys,
        claims,
        shares,
        codes,
        logins,
        trusts,
        relations,
        invites,
        rooms,
        messages,
        files,
        file_parts,
        transfers,
        reports,
    )
}
