"""What the operator lets people do here, as their clients are told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """`file_bytes` is the largest file before it is sealed; without links none go to addresses."""

    file_bytes: int
    has_links: bool
