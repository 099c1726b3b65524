"""Reports about links in SQLite."""

import apsw

from models.reports import Report
from protocol.limits import REPORTS_PER_TRANSFER
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.rows import every

_ADD = """
    INSERT INTO reports (transfer_id, sender, reason, text, created_ms)
    SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT count(*) FROM reports WHERE transfer_id = ?1) < ?6
"""


class SqliteReportStore:
    """`models.reports.ReportStore` in SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def add(self, report: Report) -> None:
        def keep(connection: apsw.Connection) -> None:
            connection.execute(
                _ADD,
                (
                    report.transfer_id,
                    report.sender,
                    report.reason,
                    report.text,
                    report.created_ms,
                    REPORTS_PER_TRANSFER,
                ),
            )

        await self._database.write(keep)

    async def all(self) -> list[Report]:
        query = (
            "SELECT transfer_id, sender, reason, text, created_ms FROM reports"
            " ORDER BY created_ms DESC, report_key DESC"
        )
        rows = await self._database.scan(lambda c: every(c, query))
        return [Report(*row) for row in rows]
