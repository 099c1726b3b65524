"""The machine's time and randomness, and work that nobody waits for."""

import asyncio
import contextlib
import gc
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


async def test_what_is_cut_off_ends_though_a_cancellation_is_lost() -> None:
    async def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = tasks.spawn(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.cut_off([task])
    assert task.cancelled()


async def test_what_never_ends_holds_nobody_up_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "CANCEL_TIMES", 3)
    is_held = True

    async def work() -> None:
        while is_held:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    task = tasks.spawn(work())
    await asyncio.sleep(0)
    await tasks.cut_off([task])
    assert not task.done()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    is_held = False
    await tasks.end()
    assert task.done()


async def test_nothing_that_was_spawned_is_left_at_the_end() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.spawn(asyncio.sleep(60))

    tasks.spawn(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_cut_off_before_it_began_is_nothing_to_warn_of(
    recwarn: pytest.WarningsRecorder,
) -> None:
    task = tasks.spawn(asyncio.sleep(60))
    await tasks.cut_off([task])
    assert task.cancelled()
    del task
    gc.collect()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]
