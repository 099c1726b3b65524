"""Log lines hold what is on the list and nothing else (S-63)."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from config.logs import JsonFormatter, TextFormatter, trace

ROOT = Path(__file__).parents[2]


def line(
    logger: str, words: str, *args: object, formatter: logging.Formatter, **extra: object
) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    record = logging.getLogger(logger).makeRecord(
        logger, logging.INFO, "f", 1, words, args, extra.pop("exc_info", None), extra=extra or None
    )
    handler.handle(record)
    return stream.getvalue()


def test_a_line_is_an_object_in_utc_with_listed_fields_only() -> None:
    text = line(
        "handlers.access",
        "request",
        formatter=JsonFormatter(),
        status=200,
        token="t0k3n",
        route="/x",
    )
    row = json.loads(text)
    assert row["time"].endswith("+00:00")
    assert {
        "level": "info",
        "message": "request",
        "status": 200,
        "route": "/x",
    }.items() <= row.items()
    assert "t0k3n" not in text


def test_of_a_library_only_the_pattern_is_kept() -> None:
    text = line(
        "tornado.access", "%s from %s", "GET /?q=secret", "1.2.3.4", formatter=JsonFormatter()
    )
    assert json.loads(text)["message"] == "%s from %s"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_value_cannot_begin_a_new_line_or_colour_the_terminal(
    formatter: logging.Formatter,
) -> None:
    text = line("handlers.x", "%s", "a\nb\r\x1b[31m\x85c", formatter=formatter)
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\r" not in text


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_an_exception_shows_where_and_what_kind_but_not_its_words(
    formatter: logging.Formatter,
) -> None:
    password = "hunter" + str(2)

    def fail() -> None:
        try:
            {}[password]
        except KeyError as error:
            raise ValueError(password) from error

    with pytest.raises(ValueError, match=password) as caught:
        fail()
    text = line("handlers.x", "failed", formatter=formatter, exc_info=caught._excinfo)
    assert "ValueError" in text
    assert "KeyError" in text
    assert "test_logs.py" in text
    assert password not in text


def test_words_of_the_operating_system_are_kept() -> None:
    error = OSError(28, "No space left on device")
    text = line("handlers.x", "failed", formatter=JsonFormatter(), exc_info=(OSError, error, None))
    assert "No space left on device" in text


def test_an_exception_that_is_its_own_cause_ends() -> None:
    error = ValueError("private")
    error.__cause__ = error
    assert trace(error, None) == "builtins.ValueError"


def test_the_driver_of_a_database_tells_no_commands() -> None:
    program = (
        "import logging; from config.logs import set_up; set_up('debug', 'json');"
        "print(logging.getLogger('pymongo.command').isEnabledFor(logging.DEBUG))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"
