"""The document describes the calls there are, all of them and no others."""

import re
from pathlib import Path

import schemathesis

from handlers import paths
from handlers.openapi import CALLS
from handlers.security import methods
from tests.harness import Fetch, RunningServer

ROOT = Path(__file__).resolve().parents[2]
UNDESCRIBED = {
    ("GET", "/api/openapi.json"),
    ("GET", "/ws"),
    ("GET", "/assets/{build}/{name}"),
    ("HEAD", "/assets/{build}/{name}"),
    ("GET", "page"),
    ("HEAD", "page"),
    ("GET", "link page"),
    ("HEAD", "link page"),
    ("GET", "not found"),
}


async def test_every_route_is_described_and_every_description_has_a_route(
    server: RunningServer,
) -> None:
    there = {
        (method.upper(), paths.template(spec))
        for spec in server.lifecycle.application.routes
        for method in methods(spec.handler_class)
    }
    assert there - UNDESCRIBED == set(CALLS)


def test_the_written_protocol_names_the_same_calls() -> None:
    text = (ROOT / "docs/protocol.md").read_text()
    written = {
        (method, path)
        for method, path in re.findall(
            r"^\|(?: ○)? (GET|POST|PUT|PATCH|DELETE) (/api/[^ ?|]+)", text, re.MULTILINE
        )
    }
    assert written == {(method, path) for method, path in CALLS if path.startswith("/api/")}


async def test_open_calls_need_no_token_and_the_others_do(fetch: Fetch) -> None:
    document = (await fetch("GET", "/api/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    text = (ROOT / "docs/protocol.md").read_text()
    open_calls = set(re.findall(r"^\| ○ (?:GET|POST) (/api/[^ |]+)", text, re.MULTILINE))
    for path, operations in document["paths"].items():
        for operation in operations.values():
            is_open = operation["security"] == []
            assert is_open == (path in open_calls or path == "/health"), path


async def test_an_independent_reader_understands_the_document(fetch: Fetch) -> None:
    document = (await fetch("GET", "/api/openapi.json")).json
    schema = schemathesis.openapi.from_dict(document)
    operations = [operation.ok() for operation in schema.get_all_operations()]
    assert len(operations) == len(CALLS)


async def test_the_fields_of_a_body_are_the_documented_ones(fetch: Fetch) -> None:
    document = (await fetch("GET", "/api/openapi.json")).json
    room = document["components"]["schemas"]["Room"]
    assert set(room["required"]) == {
        "id", "kind", "nonce", "members", "last_seq", "created_ms", "expires_ms"
    }  # fmt: skip
    send = document["paths"]["/api/rooms/{room_id}/messages"]["post"]
    assert "201" in send["responses"]
    assert send["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "/SendRequest"
    )
