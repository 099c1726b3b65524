"""The only place where a subject of the bus is spelled."""

from protocol.ids import UserId

EVERYBODY = "sealroom.all"
_PEOPLE = "sealroom.user."


def of_user(user_id: UserId) -> str:
    """Return the subject of what one user's connections are told; ids need no escape."""
    return _PEOPLE + user_id


def user_of(subject: str) -> UserId:
    """Return whose subject this is."""
    return UserId(subject.removeprefix(_PEOPLE))
