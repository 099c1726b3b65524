"""Reports about links in MongoDB.

Those of a transfer are numbered from 0 in their `_id`, so that there are never more than the most
that are kept, however many come at once.
"""

from msgspec import convert, to_builtins
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from models.reports import Report
from protocol.limits import REPORT_TTL_MS, REPORTS_PER_TRANSFER
from storage.mongo.client import Document, Documents, translates_errors
from storage.mongo.documents import date


def dump_report(report: Report, number: int) -> Document:
    """Return the document of a report that has this number among those of its transfer."""
    ends = {"expires": date(report.created_ms + REPORT_TTL_MS)}
    return {"_id": f"{report.transfer_id} {number:04d}", **to_builtins(report), **ends}


@translates_errors
class MongoReportStore:
    """`models.reports.ReportStore` in MongoDB."""

    def __init__(self, documents: Documents) -> None:
        self._reports = documents["reports"]

    async def add(self, report: Report) -> None:
        there = await self._reports.count_documents({"transfer_id": report.transfer_id})
        for number in range(there, REPORTS_PER_TRANSFER):
            try:
                await self._reports.insert_one(dump_report(report, number))
            except DuplicateKeyError:
                continue
            return

    async def all(self) -> list[Report]:
        newest_first = [("created_ms", DESCENDING), ("_id", DESCENDING)]
        found = self._reports.find({}).sort(newest_first)
        return [convert(document, Report) async for document in found]
