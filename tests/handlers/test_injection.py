"""Nothing a caller sends becomes an operator, an expression or a key of a database command (S-61).

On MongoDB, because there a value may be a document. Every field of every call of the API and every
part of a path is tried with everything of the corpus; a mark in each entry tells where it got to.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import pytest_asyncio
from pymongo import monitoring

from handlers.openapi import CALLS
from models.stores import Stores
from services import quotas
from storage import open_stores
from tests import mongo
from tests.harness import Fetch
from tests.people import Peer

pytestmark = [pytest.mark.mongo, pytest.mark.slow, pytest.mark.timeout(300)]

MARK = "injected"
PARTS = 8  # of the corpus, so that no test takes long
AT_ONCE = 10  # as many as the client has connections: the others would wait there, and time out

DOCUMENTS: list[Any] = [
    *({operator: MARK} for operator in ("$ne", "$gt", "$gte", "$lt", "$lte", "$eq", "$regex")),
    *({operator: [MARK]} for operator in ("$in", "$nin", "$all", "$or", "$and", "$nor")),
    *({operator: MARK} for operator in ("$where", "$expr", "$text", "$jsonSchema", "$function")),
    {"$not": {"$eq": MARK}},
    {"$elemMatch": {"$ne": MARK}},
    {"$exists": True, "$ne": MARK},
    {"$type": "string", "$ne": MARK},
    {"$mod": [1, 0], "$ne": MARK},
    {"$regex": f"^(?!{MARK})", "$options": "s"},
    {"$comment": MARK, "$ne": None},
    {"$ref": MARK, "$id": MARK, "$db": "admin"},
    {"$oid": "0" * 24, MARK: 1},
    {"$date": MARK},
    {"$code": f"return '{MARK}'"},
    {"$set": {MARK: 1}},
    {"$inc": {MARK: 1}},
    {"$rename": {MARK: "role"}},
    {"$literal": MARK},
    {"$concat": ["$email", MARK]},
    {"": MARK},
    {MARK: {"$ne": None}},
    {"__proto__": {MARK: 1}},
    {"a.b": MARK},
    [MARK],
    [{"$ne": MARK}],
    [[MARK]],
]
TEXTS = [
    *(f"${name}{MARK}" for name in ("", "where ", "email ", "$ROOT ", "$REMOVE.")),
    *(f"$.{MARK}", f"a.{MARK}", f".{MARK}.", f"sides.$[].{MARK}", f"_id {MARK}"),
    *(f'{{"$ne":"{MARK}"}}', f"{{$gt:''}}{MARK}", f"{{{MARK}", f"ObjectId('{MARK}')"),
    *(f"'; return true; //{MARK}", f"' || '1'=='1{MARK}", f"db.{MARK}.drop()"),
    *(f"/{MARK}/i", f".*{MARK}", f"^{MARK}$", f"\0{MARK}", f"{MARK}\u2028", f"%24ne{MARK}"),
]
CORPUS = DOCUMENTS + TEXTS

# One of them fits every form a text of the API may have.
_FITTING = ["A" * 22, "A" * 43, "A" * 86, "B" + "A" * 86, "1" * 6, "0" * 12, "an@example.org"]


class Commands(monitoring.CommandListener):
    """Looks at every command of one database for the mark."""

    def __init__(self) -> None:
        self.watch("")

    def watch(self, database: str) -> None:
        """Begin anew with a database."""
        self.database = database
        self.values: set[str] = set()
        self.wrong: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.database_name == self.database:
            self._look(event.command, event.command_name, is_expression=False)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...

    def _look(self, found: Any, path: str, *, is_expression: bool) -> None:
        if isinstance(found, Mapping):
            for key, value in found.items():
                if MARK in key:
                    self.wrong.append(f"{path}: the key {key}")
                # An update that is a list is a program, in which texts with a $ are expressions.
                inside = is_expression or (key == "u" and isinstance(value, list))
                literal = key == "$literal" or (key == "$match" and not is_expression)
                inside = inside or key in ("$expr", "pipeline")
                self._look(value, f"{path}.{key}", is_expression=inside and not literal)
        elif isinstance(found, list | tuple):
            for value in found:
                self._look(value, path, is_expression=is_expression)
        elif isinstance(found, str) and MARK in found:
            self.values.add(found)
            if is_expression:
                self.wrong.append(f"{path}: the expression {found}")


CallAll = Callable[[list[Any]], Awaitable[None]]

_commands = Commands()
monitoring.register(_commands)


@pytest_asyncio.fixture
async def stores() -> AsyncIterator[Stores]:
    with mongo.fresh_database() as url:
        _commands.watch(mongo.name_of(url))
        opened = await open_stores(url)
        yield opened
        await opened.database.close()


@pytest.fixture(autouse=True)
def no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody be refused for asking often."""
    unlimited = {name: quotas.Rate(rate.per, 1e9, 1e9) for name, rate in quotas.TABLE.items()}
    monkeypatch.setattr(quotas, "TABLE", unlimited)


@pytest.fixture
def call_all(alice: Peer, fetch: Fetch) -> CallAll:
    """Make every call with each entry in every field; none may fail as a bug would."""

    room = asyncio.Semaphore(AT_ONCE)

    async def one(method: str, path: str, body: Any) -> None:
        async with room:
            answer = await fetch(method, path, as_=alice, body=body)
        assert answer.status < 500, (method, path, body, answer.text)

    async def each(entries: list[Any]) -> None:
        for entry in entries:
            await asyncio.gather(*(one(*call) for call in bodies(entry)))

    return each


def sample(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return a value of a JSON schema with every optional part."""
    if "$ref" in schema:
        return sample(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], schemas)
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    match schema.get("type"):
        case "object":
            return {k: sample(v, schemas) for k, v in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema["items"], schemas)] * schema.get("minItems", 1)
        case "string":
            return next(text for text in _FITTING if re.search(schema.get("pattern", ""), text))
        case "boolean":
            return True
    return schema.get("minimum", 1)


def spoilt(value: Any, entry: Any) -> Iterator[Any]:
    """Return copies of a value, in each of which one part is the entry."""
    yield entry
    if isinstance(value, dict):
        for key, part in value.items():
            yield from ({**value, key: other} for other in spoilt(part, entry))
    elif isinstance(value, list):
        for other in spoilt(value[0], entry):
            yield [other, *value[1:]]


def bodies(entry: Any) -> Iterator[tuple[str, str, Any]]:
    types = {call.takes for call in CALLS.values()} - {None, bytes}
    _, schemas = msgspec.json.schema_components(types, ref_template="#/{name}")
    for (method, path), call in CALLS.items():
        if call.takes in types:
            whole = sample(schemas[call.takes.__name__], schemas)
            address = re.sub(r"{\w+}", "A" * 22, path)
            yield from ((method, address, body) for body in spoilt(whole, entry) if body != entry)


def addresses(entry: str) -> Iterator[tuple[str, str]]:
    hostile = quote(entry, safe="")
    for (method, path), call in CALLS.items():
        for part in re.findall(r"{\w+}", path):
            yield method, re.sub(r"{\w+}", "A" * 22, path.replace(part, hostile))
        for name in call.query:
            plain = re.sub(r"{\w+}", "A" * 43, path)
            yield method, f"{plain}?{name}={hostile}"


def test_the_corpus_is_large_and_every_entry_can_be_recognised() -> None:
    assert len({json.dumps(entry) for entry in CORPUS}) == len(CORPUS) >= 60
    assert all(MARK in json.dumps(entry) for entry in CORPUS)


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_document_in_place_of_a_value_reaches_no_command(
    call_all: CallAll, part: int
) -> None:
    await call_all(DOCUMENTS[part::PARTS])
    assert _commands.values == set()
    assert _commands.wrong == []


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_text_stays_one_value_whatever_it_looks_like(call_all: CallAll, part: int) -> None:
    await call_all(TEXTS[part::PARTS])
    assert _commands.values
    assert _commands.wrong == []


async def test_an_address_that_is_none_finds_nothing(alice: Peer, fetch: Fetch) -> None:
    for method, path in chain.from_iterable(map(addresses, TEXTS)):
        answer = await fetch(method, path, as_=alice)
        assert 400 <= answer.status < 500, (method, path, answer.text)
    assert _commands.values == set()
    assert _commands.wrong == []
