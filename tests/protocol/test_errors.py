"""Every refusal has its code, its status and its row in the documentation."""

import re
from pathlib import Path

import pytest

from protocol.errors import AppError, CloseCode, ErrorCode, QuotaFull, RateLimited, StaleDevices

DOCS = (Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text()


def test_the_written_table_is_the_enum() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.+?) \|$", DOCS, re.MULTILINE)
    there = {
        (str(code), str(AppError(code).http_status), AppError(code).body("")["message"])
        for code in ErrorCode
    }
    assert set(rows) == there
    assert len(rows) == len(there)


def test_the_written_close_codes_are_the_enum() -> None:
    section = DOCS.partition("### Close codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d{4}) \|", section, re.MULTILINE)
    assert {int(row) for row in rows} == {int(code) for code in CloseCode}


@pytest.mark.parametrize("code", list(ErrorCode))
def test_a_body_says_the_code_and_never_the_detail(code: ErrorCode) -> None:
    body = AppError(code, "alice@example.org").body("r1")
    assert body["code"] == code
    assert body["request_id"] == "r1"
    assert "alice" not in str(body)


def test_what_a_caller_needs_to_go_on_is_in_the_body() -> None:
    assert RateLimited(1_200).body("r")["retry_after_ms"] == 1_200
    assert QuotaFull("daily").body("r")["limit"] == "daily"
    assert StaleDevices(["a", "b"]).body("r")["users"] == ["a", "b"]


def test_the_detail_is_in_our_own_text() -> None:
    assert str(AppError(ErrorCode.NOT_FOUND, "room")) == "not_found: room"
    assert str(AppError(ErrorCode.NOT_FOUND)) == "not_found"
