"""Every index, by collection: unique ones carry the invariants, TTL ones clear away.

Made anew at every start, which costs nothing when they are there; of several processes that start
at once each succeeds. An index that changes needs a migration that drops the old one first.

The `_id` of a document is the id of the port, or says here what it is made of:
    accounts, logins                    user_id, login_id
    codes                               ticket_hash
    relations                           both user ids, sorted (pairs.py)
    invites                             the address
    device_lists                        user_id, version
    trusts                              user_id, device_id, token_hash
    claims                              user_id, device_id and claim_id of the claimer
    shares                              the claimer's user_id
    rooms, prekeys                      drawn by the adapter (rooms.py, prekeys.py)
    messages                            the room's `_id` and the number (append.py)
    files, file_parts                   file_id, and file_id with the part's number
    transfers, reports                  transfer_id, and transfer_id with the report's number
"""

import pymongo
from pymongo import ASCENDING, DESCENDING, IndexModel

from storage.mongo.client import Documents

# The database deletes by its own clock what processes judge by theirs, so it waits until no clock
# that is an hour wrong can still call a document alive.
KEPT_AFTER_END_S = 7_200
BUILD_TIMEOUT_S = 600  # a new index over everything there is


def _unique(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], unique=True)


def _unique_if_there(field: str) -> IndexModel:
    return IndexModel(field, unique=True, sparse=True)


def _ending() -> IndexModel:
    return IndexModel("expires", expireAfterSeconds=KEPT_AFTER_END_S)


def _indexes() -> dict[str, list[IndexModel]]:
    return {
        "accounts": [
            _unique("email"),
            _unique("friend_code"),
            _unique_if_there("devices.device_id"),
        ],
        "codes": [
            IndexModel([("purpose", ASCENDING), ("email", ASCENDING), ("sent_ms", DESCENDING)]),
            _ending(),
        ],
        "relations": [IndexModel("sides.user_id")],
        "invites": [IndexModel("askers.user_id"), IndexModel("fulfilled_by", sparse=True)],
        "logins": [_unique("tokens"), IndexModel([("user_id", ASCENDING)]), _ending()],
        "trusts": [IndexModel([("user_id", ASCENDING), ("device_id", ASCENDING)]), _ending()],
        "device_lists": [_unique("user_id", "version")],
        "prekeys": [IndexModel("user_id")],
        "claims": [_ending()],
        "shares": [_ending()],
        "rooms": [
            # An ended room has none of them (sweep.py).
            _unique_if_there("room_id"),
            _unique_if_there("pair"),
            IndexModel("members.user_id", sparse=True),
            IndexModel("expires_ms", sparse=True),
            IndexModel("grown", sparse=True),
            IndexModel("retired", sparse=True),
            _ending(),
        ],
        "messages": [
            _unique("room", "seq"),
            _unique("room", "sender_device", "msg_id"),
            IndexModel(
                [("sender_device", ASCENDING), ("server_ms", DESCENDING), ("call", DESCENDING)]
            ),
        ],
        "files": [
            IndexModel([("owner", ASCENDING), ("created_ms", ASCENDING)]),
            IndexModel([("room", ASCENDING), ("state", ASCENDING)]),
            IndexModel([("state", ASCENDING), ("created_ms", ASCENDING)]),
            IndexModel("transfer_id"),
        ],
        "file_parts": [_unique("file_id", "number"), _ending()],
        "transfers": [
            IndexModel([("sender", ASCENDING), ("created_ms", ASCENDING)]),
            IndexModel("recipient"),
            IndexModel("email"),
            IndexModel("ends_ms"),
            IndexModel("mail_due_ms"),
        ],
        "reports": [IndexModel("transfer_id"), _ending()],
    }


async def create_indexes(documents: Documents) -> None:
    """Make sure that every index is there and in force."""
    with pymongo.timeout(BUILD_TIMEOUT_S):
        for collection, models in _indexes().items():
            await documents[collection].create_indexes(models)
