"""The rows of a run, as JSON for machines, and what a regression check has to say of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.frame.figures import RATIO, Figure, Outcome
from benchmarks.frame.machine import ROOT

FAILED = "the bench failed"
"""Begins the reason of figures whose bench crashed, as opposed to one that could not run here."""

RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its value; None when it was not measured, then `reason` says why."""

    bench: str
    figure: str
    value: float | None
    unit: str
    target: str
    met: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """One run on one machine."""

    machine: str
    commit: str
    rows: list[Row]

    def to_json(self) -> str:
        """`{machine, commit, rows: [{bench, figure, value, unit, target, met}]}`; `reason` only where there is one."""
        rows = [{key: value for key, value in asdict(row).items() if key != "reason" or value} for row in self.rows]
        return json.dumps({"machine": self.machine, "commit": self.commit, "rows": rows}, indent=2, ensure_ascii=False)


def read(file: Path) -> Results:
    """What an earlier run wrote. Raises `OSError` or `ValueError`."""
    said: Any = json.loads(file.read_text(encoding="utf-8"))
    try:
        return Results(said["machine"], said["commit"], [Row(**row) for row in said["rows"]])
    except (KeyError, TypeError) as error:
        raise ValueError("it does not have the shape of a run's results") from error


def write(results: Results, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "latest.json"
    replace(file, results.to_json() + "\n")
    return file


def replace(file: Path, text: str) -> None:
    """In one step: a run that is cut off here leaves the old text or the new one."""
    draft = file.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def rows_of(figures: Sequence[Figure], outcome: Outcome) -> list[Row]:
    return [_row(figure, outcome) for figure in figures]


def unmeasured(figures: Sequence[Figure], reason: str) -> list[Row]:
    return rows_of(figures, Outcome(missing={figure.name: reason for figure in figures}))


def _row(figure: Figure, outcome: Outcome) -> Row:
    # Two tables may give a figure the same name ("p95"); the bench's name then stands before it.
    keys = (f"{figure.bench}: {figure.name}", figure.name)
    value = next((outcome.values[key] for key in keys if key in outcome.values), None)
    reason = next((outcome.missing[key] for key in keys if key in outcome.missing), "the bench gave no value")
    return Row(
        bench=figure.bench,
        figure=figure.name,
        value=None if value is None else float(f"{value:.4g}"),
        unit=figure.unit,
        target=str(figure.target),
        met=value is not None and figure.target.met_by(value),
        reason=reason if value is None else None,
    )


def regressions(rows: Sequence[Row]) -> list[str]:
    """Sentences on benches that failed, and on ratios that miss their targets.

    Times depend on the machine, and what was not run says nothing.
    """
    failed = {f"{row.bench}: {row.reason}": None for row in rows if (row.reason or "").startswith(FAILED)}
    return [*failed, *_missed(rows)]


def _missed(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.bench}: {row.figure} is {row.value:g} {row.unit}, and should be {row.target}"
        for row in rows
        if row.unit == RATIO and row.value is not None and not row.met
    ]
