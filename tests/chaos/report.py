"""What a run leaves: the table, its JSON, and the table in the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.verdict import Row

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "chaos.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGINS, ENDS = "<!-- chaos: begin -->", "<!-- chaos: end -->"

_COUNTS = ("blows", "runs", "lost", "duplicated", "stuck", "failed", "out of order", "in doubt")
_COLUMNS = ("fault", *_COUNTS, "quiet after")


def table(rows: Sequence[Row]) -> str:
    """Markdown, the sums in the last line."""
    lines = [_line(_COLUMNS), _line(["---", *["---:"] * (len(_COLUMNS) - 1)]), *(_line(_cells(row)) for row in rows)]
    return "\n".join([*lines, _line(_sums(rows))])


def to_json(seed: int, rows: Sequence[Row]) -> str:
    """`{seed, rows: [{fault, runs, lost, duplicated, stuck, …}]}`."""
    return json.dumps({"seed": seed, "rows": [row.to_json() for row in rows]}, indent=2, ensure_ascii=False) + "\n"


def with_table(page: str, told: str) -> str:
    """The page with `told` between its two markers; `ValueError` when they are not there."""
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"the page has no {BEGINS} … {ENDS}")
    return f"{before}{BEGINS}\n{told}\n{ENDS}{after}"


def summary(seed: int, minutes: float, rows: Sequence[Row]) -> str:
    """What stands in the documentation: which run it was, and its table."""
    back = [row.back_to_work_seconds for row in rows if row.back_to_work_seconds is not None]
    words = f"Seed {seed}, {minutes:g} minutes, {sum(row.rounds for row in rows)} rounds."
    if back:
        words += f" Back to work after worker and flow were killed: {max(back):.1f} s."
    return f"{words}\n\n{table(rows)}"


def _cells(row: Row) -> list[str]:
    counts = (row.blows, row.runs, row.lost, row.duplicated, row.stuck, row.failed, row.out_of_order, row.ambiguous)
    return [row.fault, *map(str, counts), f"{row.recovery_seconds:.0f} s"]


def _sums(rows: Sequence[Row]) -> list[str]:
    columns = zip(*([int(cell) for cell in _cells(row)[1:-1]] for row in rows), strict=True)
    slowest = max((row.recovery_seconds for row in rows), default=0.0)
    return ["**all**", *(f"**{sum(column)}**" for column in columns), f"**{slowest:.0f} s**"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
