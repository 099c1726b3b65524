"""What people told the operator about links."""

from dataclasses import dataclass
from typing import Literal, Protocol

from protocol.ids import TransferId, UserId

Reason = Literal["malware", "illegal", "harassment", "other"]


@dataclass(frozen=True, slots=True)
class Report:
    """`sender` is whose link it was; who reports stays unknown. Kept for REPORT_TTL_MS."""

    transfer_id: TransferId
    sender: UserId
    reason: Reason
    text: str
    created_ms: int


class ReportStore(Protocol):
    async def add(self, report: Report) -> None:
        """Keep a report; what is above REPORTS_PER_TRANSFER for one transfer is dropped."""
        ...

    async def all(self) -> list[Report]:
        """Return every report, newest first."""
        ...
