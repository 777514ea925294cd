"""docs/benchmarks.md: the table of the latest whole run, what is known beside it, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from benchmarks.frame.figures import Note, Outcome
from benchmarks.frame.results import Results, Row

_HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. What each bench does, and what stands beside it, is in
[benchmarks/README.md](../benchmarks/README.md). What the figures mean for the size of a machine is in
[capacity.md](capacity.md).

Ratios are the result. Times are of this machine: **{machine}**, commit `{commit}`.
"""


def page(results: Results, outcomes: Mapping[str, Outcome], pictures: Sequence[str]) -> str:
    parts = [_HEAD.format(machine=results.machine, commit=results.commit), _table(results.rows)]
    parts += [f"![{name.removesuffix('.svg')}](benchmarks/{name})\n" for name in pictures]
    beside = [_beside(name, outcome.notes) for name, outcome in outcomes.items() if outcome.notes]
    if beside:
        parts += ["## Beside the table\n", *beside]
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    lines = ["| bench | figure | value | target | met |", "|---|---|---:|---:|---|"]
    for bench, group in groupby(rows, key=lambda row: row.bench):
        lines += [
            f"| {bench if number == 0 else ''} | {row.figure} | {_value(row)} | {row.target} {row.unit} | {_met(row)} |"
            for number, row in enumerate(group)
        ]
    reasons = [f"- {row.bench}, {row.figure}: {row.reason}" for row in rows if row.reason]
    told = ["", "Not measured:", "", *reasons] if reasons else []
    return "\n".join([*lines, *told, ""])


def _value(row: Row) -> str:
    return "—" if row.value is None else f"{row.value:.4g} {row.unit}"


def _met(row: Row) -> str:
    return "not measured" if row.value is None else "yes" if row.met else "**no**"


def _beside(name: str, notes: Sequence[Note]) -> str:
    lines = [f"### {name}\n", "| | |", "|---|---:|"]
    lines += [f"| {note.name} | {note.value:.4g} {note.unit} |" for note in notes]
    return "\n".join([*lines, ""])
