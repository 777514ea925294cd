"""The benchmarks' frame: what counts as met, what a run writes down, and what a regression is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.frame.catalogue import BENCHES, figures_of
from benchmarks.frame.figures import RATIO, Curve, Effort, Figure, Note, Outcome, Target, at_least, at_most
from benchmarks.frame.pages import page
from benchmarks.frame.parts import Parts
from benchmarks.frame.results import FAILED, Results, read, regressions, rows_of, unmeasured, write
from benchmarks.frame.running import BenchFailedError, run_apart
from benchmarks.frame.turns import Turns, quantile, take_turns

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks"
SPEED = Figure("crowd", "faster", RATIO, at_least(2))
WALL = Figure("start", "seconds", "s", at_most(20))


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        pytest.param(at_most(20), 19.9, True, id="below a bound from above"),
        pytest.param(at_most(20), 20, True, id="on it"),
        pytest.param(at_most(20), 20.1, False, id="above it"),
        pytest.param(at_least(3), 3, True, id="on a bound from below"),
        pytest.param(at_least(3), 2.99, False, id="below it"),
        pytest.param(at_most(0), 0, True, id="no error at all"),
        pytest.param(at_most(0), 1, False, id="one error"),
    ],
)
def test_a_target_is_met_on_its_good_side(target: Target, value: float, met: bool) -> None:
    assert target.met_by(value) is met
    assert (target.room(value) >= 1) is met


def test_a_result_has_exactly_the_promised_shape(tmp_path: Path) -> None:
    rows = rows_of([SPEED, WALL], Outcome({"faster": 2.5}, {"seconds": "make is not installed"}))
    file = write(Results("2 × CPU", "abc", rows), tmp_path)
    assert json.loads(file.read_text()) == {
        "machine": "2 × CPU",
        "commit": "abc",
        "rows": [
            {"bench": "crowd", "figure": "faster", "value": 2.5, "unit": "×", "target": "≥ 2", "met": True},
            {
                "bench": "start",
                "figure": "seconds",
                "value": None,
                "unit": "s",
                "target": "≤ 20",
                "met": False,
                "reason": "make is not installed",
            },
        ],
    }
    assert read(file).rows == rows


def test_figures_of_one_name_are_told_apart_by_their_bench() -> None:
    idle, busy = Figure("idle", "p95", "ms", at_most(25)), Figure("busy", "p95", "ms", at_most(50))
    rows = rows_of([idle, busy], Outcome({"idle: p95": 10, "busy: p95": 60}))
    assert [(row.value, row.met) for row in rows] == [(10, True), (60, False)]


def test_only_a_measured_ratio_can_regress() -> None:
    missed = rows_of([SPEED, WALL], Outcome({"faster": 1.5, "seconds": 30}))
    assert regressions(missed) == ["crowd: faster is 1.5 ×, and should be ≥ 2"]
    assert regressions(unmeasured([SPEED], "not part of this run")) == []


def test_the_page_shows_every_row_and_why_one_has_no_value() -> None:
    rows = [*rows_of([SPEED], Outcome({"faster": 1.5})), *unmeasured([WALL], "no make")]
    text = page(Results("2 × CPU", "abc", rows), {"crowd": Outcome(notes=[Note("CPU", 3, "s")])}, ["targets.svg"])
    assert "| crowd | faster | 1.5 × | ≥ 2 × | **no** |" in text
    assert "- start, seconds: no make" in text
    assert "| CPU | 3 s |" in text and "](benchmarks/targets.svg)" in text and "**2 × CPU**" in text


def test_sides_take_turns_and_who_begins_changes() -> None:
    order: list[str] = []
    turns = take_turns(3, lambda: order.append("ours") or 1.0, lambda: order.append("peer") or 2.0)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert turns.ratio(float) == 2.0


def test_a_ratio_is_the_median_of_the_turns_so_that_one_disturbed_turn_does_not_count() -> None:
    assert Turns([1.0, 9.0, 1.0], [2.0, 2.0, 2.0]).ratio(float) == 2.0


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert quantile(range(100, 0, -1), share) == value


def test_an_outcome_survives_its_way_between_processes() -> None:
    curve = Curve("growth", "get", "stored", "ms", [(100.0, 1.0)])
    outcome = Outcome({"p95": 1.5}, {"p50": "why not"}, [Note("CPU", 3.0, "s")], [curve])
    assert Outcome.from_json(outcome.to_json()) == outcome


@pytest.mark.parametrize(
    ("now", "taken_over"),
    [
        pytest.param(("abc", "2 × CPU", Effort(5)), True, id="the same run"),
        pytest.param(("abd", "2 × CPU", Effort(5)), False, id="another commit"),
        pytest.param(("abc", "4 × CPU", Effort(5)), False, id="another machine"),
        pytest.param(("abc", "2 × CPU", Effort(1, quick=True)), False, id="other sizes"),
    ],
)
def test_a_run_that_was_cut_off_goes_on_with_what_the_same_run_measured(
    now: tuple[str, str, Effort], taken_over: bool, tmp_path: Path
) -> None:
    outcome = Outcome({"p95": 1.5}, notes=[Note("CPU", 3.0, "s")], curves=[])
    Parts(tmp_path, "abc", "2 × CPU", Effort(5)).keep("crowd", outcome)
    assert Parts(tmp_path, *now).kept("crowd") == (outcome if taken_over else None)


def test_a_bench_that_is_run_again_takes_no_other_out_of_the_table(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "abc", "a machine", Effort(5))
    for name in ("one", "other"):
        parts.keep(name, Outcome({"figure": 1.0}))
    parts.forget(["one"])
    assert parts.kept("one") is None and parts.kept("other") is not None


def test_a_part_that_was_cut_off_is_measured_again(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "abc", "a machine", Effort(5))
    parts.keep("crowd", Outcome({"p95": 1.5}))
    whole = (tmp_path / "crowd.json").read_text()
    for left in ("", whole[: len(whole) // 2], "{}", "[]"):
        (tmp_path / "crowd.json").write_text(left)
        assert parts.kept("crowd") is None


@pytest.mark.parametrize("left", [None, "", '{"machine": "m", "comm', '{"rows": []}', "[]"])
def test_results_that_are_missing_or_cut_off_fail_the_check_in_one_line(
    left: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if left is not None:
        (tmp_path / "latest.json").write_text(left)
    monkeypatch.setattr("sys.argv", ["benchmarks", "--only-check", "--results", str(tmp_path)])
    assert main() == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "`make bench` first" in said


def test_a_bench_that_failed_fails_the_check_once_and_one_that_cannot_run_here_does_not() -> None:
    failed = unmeasured([SPEED, SPEED], f"{FAILED}: exit code 1")
    assert regressions([*failed, *unmeasured([WALL], "no PostgreSQL here")]) == ["crowd: the bench failed: exit code 1"]


def test_what_a_changed_tree_measured_is_not_taken_over(tmp_path: Path) -> None:
    parts = Parts(tmp_path, "abc+", "2 × CPU", Effort(5))
    parts.keep("crowd", Outcome({"p95": 1.5}))
    assert parts.kept("crowd") is None


def test_no_figure_stands_twice_in_the_table() -> None:
    figures = [(figure.bench, figure.name) for name in BENCHES for figure in figures_of(name)]
    assert len(set(figures)) == len(figures)


def test_every_module_that_declares_figures_takes_part() -> None:
    declaring = {file.stem for file in FOLDER.glob("*.py") if "\nFIGURES" in file.read_text()}
    assert declaring == set(BENCHES)


def test_a_bench_that_fails_says_so_and_takes_no_other_with_it() -> None:
    with pytest.raises(BenchFailedError, match="exit code 1"):
        run_apart("graph_of_nothing", Effort(reps=1, quick=True), minutes=1)
