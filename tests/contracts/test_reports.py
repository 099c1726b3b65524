"""ReportStore."""

import asyncio

from protocol.limits import REPORT_TTL_MS, REPORTS_PER_TRANSFER


async def test_reports_come_back_newest_first(stores, make):
    reports = [make.report(created_ms=at_ms, reason="other") for at_ms in (2_000, 1_000, 3_000)]
    for report in reports:
        await stores.reports.add(report)
    assert await stores.reports.all() == [reports[2], reports[0], reports[1]]


async def test_what_is_above_the_most_for_one_transfer_is_dropped(stores, make):
    first = make.report()
    reports = [make.report(transfer_id=first.transfer_id) for _ in range(REPORTS_PER_TRANSFER)]
    for report in (first, *reports):
        await stores.reports.add(report)
    kept = [first, *reports[:-1]]
    assert await stores.reports.all() == kept[::-1]
    other = make.report(created_ms=9_000)
    await stores.reports.add(other)
    assert await stores.reports.all() == [other, *kept[::-1]]


async def test_the_most_are_kept_however_many_come_at_once(stores, open_more, make):
    transfer_id, other_process = make.report().transfer_id, await open_more()
    await asyncio.gather(
        *(
            (stores, other_process)[n % 2].reports.add(make.report(transfer_id=transfer_id))
            for n in range(2 * REPORTS_PER_TRANSFER)
        )
    )
    assert len(await stores.reports.all()) == REPORTS_PER_TRANSFER


async def test_a_report_outlives_its_transfer_and_goes_after_its_time(stores, make):
    transfer = await stores.transfers.begin(make.transfer(), 1, 1_500)
    report = make.report(transfer_id=transfer.transfer_id, created_ms=1_500)
    await stores.reports.add(report)
    await stores.transfers.end(transfer.transfer_id)
    await stores.database.sweep(1_500 + REPORT_TTL_MS - 1)
    assert await stores.reports.all() == [report]
    assert await stores.database.sweep(1_500 + REPORT_TTL_MS) == 1
    assert await stores.reports.all() == []
