"""A watch over every statement that runs: none may look for its rows without an index."""

import re

import apsw

ROW_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
# Lists handed in by us, and the one row that `ping` reads.
ALLOWED_SCANS = re.compile(
    r"SCAN (asked|far|grown|moved|json_each|CONSTANT ROW|\d+-ROW VALUES CLAUSE|\d+ CONSTANT ROWS)"
    r"|SCAN reports USING INDEX reports_by_time"  # an operator reads every one
)
PING = "SELECT 1 FROM rooms LIMIT 1"
MOVE = re.compile(r"\bFROM old_\w+;?\s*$")  # by a migration, which walks a table whole and drops it


class QueryPlans:
    """Remembers the statements of every connection opened while it is watching."""

    def __init__(self) -> None:
        self._statements: dict[str, object] = {}

    def __enter__(self) -> "QueryPlans":
        apsw.connection_hooks.append(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        apsw.connection_hooks.remove(self._watch)

    def _watch(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self._remember

    def _remember(self, _cursor: apsw.Cursor, statement: str, values: object) -> bool:
        self._statements.setdefault(statement, values)
        return True

    def scans(self, path: str) -> list[str]:
        """Return the statements that walk a whole table or index, with the step that does."""
        found = []
        with apsw.Connection(path) as connection:
            for statement, values in self._statements.items():
                if not ROW_STATEMENT.match(statement) or statement == PING:
                    continue
                if MOVE.search(statement):
                    continue
                for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values):
                    step = str(row[3])
                    if step.startswith("SCAN") and not ALLOWED_SCANS.match(step):
                        found.append(f"{step}: {statement}")
        connection.close()
        return found
