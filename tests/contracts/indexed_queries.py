"""A watch over every command MongoDB gets: none may look for its documents without an index.

What the server itself says of a plan is not asked, because not every server that speaks the
protocol can: a condition must name the first field of an index of its collection.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pymongo import MongoClient, monitoring

Condition = Mapping[str, Any]

_CONDITIONS = {
    "find": lambda command: [command["filter"]],
    "findAndModify": lambda command: [command["query"]],
    "aggregate": lambda command: [command["pipeline"][0].get("$match", {})],
    "update": lambda command: [each["q"] for each in command["updates"]],
    "delete": lambda command: [each["q"] for each in command["deletes"]],
}
_PING = ("rooms", {}, 1)  # reads any one document
_REPORTS = ("reports", {}, 0)  # an operator reads every one


class _Listener(monitoring.CommandListener):
    """Keeps the commands for whoever is watching; a client can only be given it when it is made."""

    def __init__(self) -> None:
        self.watched: dict[str, list[Mapping[str, Any]]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in _CONDITIONS and event.database_name in self.watched:
            self.watched[event.database_name].append(event.command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


_listener = _Listener()
monitoring.register(_listener)


class IndexedQueries:
    """Remembers the commands a database gets while it is watching."""

    def __init__(self, database: str) -> None:
        self._database = database

    def __enter__(self) -> "IndexedQueries":
        _listener.watched[self._database] = self._commands = []
        return self

    def __exit__(self, *_: object) -> None:
        del _listener.watched[self._database]

    def scans(self, client: MongoClient[dict[str, Any]]) -> list[str]:
        """Return the conditions that no index of their collection helps with."""
        documents = client[self._database]
        leading = {
            name: {next(iter(index["key"])) for index in documents[name].list_indexes()}
            for name in {collection for collection, *_ in self._conditions()}
        }
        return sorted(
            {
                f"{collection}: {condition}"
                for collection, condition, limit in self._conditions()
                if (collection, condition, limit) not in (_PING, _REPORTS)
                and not _narrows_down(condition, leading[collection])
            }
        )

    def _conditions(self) -> Iterator[tuple[str, Condition, int]]:
        for command in self._commands:
            name, collection = next(iter(command.items()))
            for condition in _CONDITIONS[name](command):
                yield collection, dict(condition), command.get("limit", 0)


def _narrows_down(condition: Condition, leading: set[str]) -> bool:
    """Tell whether an index helps; each branch of an `$or` may have its own."""
    branches = condition.get("$or", ())
    return not leading.isdisjoint(condition) or (
        bool(branches) and all(_narrows_down(branch, leading) for branch in branches)
    )
