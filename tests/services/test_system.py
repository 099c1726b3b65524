"""The machine's time and randomness."""

import time
from pathlib import Path

import pytest

from services import system, tasks
from services.system import ShiftedClock, SystemClock, SystemEntropy


def test_time_is_milliseconds_utc() -> None:
    assert abs(SystemClock().now_ms() - time.time() * 1_000) < 1_000


def test_a_file_shifts_the_time_but_not_the_ticks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_OFFSET_READ_MS", 0)
    file = tmp_path / "offset"
    clock = ShiftedClock(file)
    assert abs(clock.now_ms() - SystemClock().now_ms()) < 1_000
    file.write_text("604800000\n")
    assert abs(clock.now_ms() - SystemClock().now_ms() - 604_800_000) < 1_000
    assert abs(clock.monotonic_ms() - SystemClock().monotonic_ms()) < 1_000


def test_codes_keep_their_leading_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.secrets, "randbelow", lambda _: 42)
    assert SystemEntropy().digits(6) == "000042"
    assert len(SystemEntropy().token(16)) == 16


async def test_what_nobody_waits_for_runs_to_its_end_and_its_failure_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        if number == 2:
            raise ZeroDivisionError
        done.append(number)

    for number in (1, 2, 3):
        tasks.spawn(work(number))
    await tasks.finish()
    assert done == [1, 3]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
