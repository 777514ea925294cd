"""What a chaos run leaves behind for readers and for machines."""

from __future__ import annotations

import json

import pytest

from tests.chaos import report
from tests.chaos.verdict import Row, Seen


def rows() -> list[Row]:
    good, bad = Row("kill -9 of Redis"), Row("Redis cut off")
    good.take([Seen("graph", "1", "SUCCESS")] * 3, blows=2, ambiguous=0, disorder=[])
    bad.take([Seen("message", "1", "SUCCESS", effects=2)], blows=1, ambiguous=0, disorder=["chat 1"])
    return [good, bad]


def test_the_json_has_a_row_for_each_fault_with_its_counts() -> None:
    made = json.loads(report.to_json(7, rows()))
    assert made["seed"] == 7
    counted = [{name: row[name] for name in ("fault", "runs", "lost", "duplicated", "stuck")} for row in made["rows"]]
    assert counted == [
        {"fault": "kill -9 of Redis", "runs": 3, "lost": 0, "duplicated": 0, "stuck": 0},
        {"fault": "Redis cut off", "runs": 1, "lost": 0, "duplicated": 1, "stuck": 0},
    ]
    assert "flaws" not in made["rows"][0] and len(made["rows"][1]["flaws"]) == 2


def test_the_table_ends_with_the_sums() -> None:
    lines = report.table(rows()).splitlines()
    assert len(lines) == 5
    assert lines[2].startswith("| kill -9 of Redis | 2 | 3 | 0 |")
    assert lines[-1].startswith("| **all** | **3** | **4** | **0** | **1** |")


def test_the_table_takes_the_place_of_the_one_before_and_touches_nothing_else() -> None:
    page = f"above\n{report.BEGINS}\nold\n{report.ENDS}\nbelow\n"
    once = report.with_table(page, "new")
    assert once == f"above\n{report.BEGINS}\nnew\n{report.ENDS}\nbelow\n"
    assert report.with_table(once, "new") == once


def test_a_page_without_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="chaos: begin"):
        report.with_table("a page", "new")


def test_the_documentation_has_its_place_for_the_table() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert report.with_table(page, "new").count("new") >= 1
