"""Runs the benches and writes their table: `python -m benchmarks [NAMES] [--quick] [--reps N] [--continue] [--check]`.

Every run writes benchmarks/results/latest.json, after each bench anew, so that a run that is cut off leaves what it
has; `--continue` takes that over. Only a whole run (all benches, not `--quick`) writes docs/benchmarks.md and its
pictures; `--publish` does for one that was cut off.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.frame.catalogue import BENCHES, figures_of
from benchmarks.frame.figures import Curve, Effort, Figure, Outcome
from benchmarks.frame.machine import ROOT, commit, machine
from benchmarks.frame.machine import load as busy
from benchmarks.frame.pages import page
from benchmarks.frame.parts import Parts
from benchmarks.frame.pictures import draw
from benchmarks.frame.results import FAILED, RESULTS, Results, Row, read, regressions, rows_of, unmeasured, write
from benchmarks.frame.running import BenchFailedError, run_apart

LONGEST = 60.0  # minutes for one bench


@dataclass
class Run:
    """A run so far."""

    effort: Effort
    chosen: list[str]
    folder: Path
    machine: str = field(default_factory=machine)
    commit: str = field(default_factory=commit)
    rows: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    outcomes: dict[str, Outcome] = field(default_factory=dict[str, Outcome])

    @property
    def is_whole(self) -> bool:
        return not self.effort.quick and set(self.chosen) == set(BENCHES)

    def results(self) -> Results:
        waiting = "not part of this run" if self.chosen != list(BENCHES) else "this run was cut off before it"
        rows = [self.rows.get(name) or unmeasured(figures_of(name), waiting) for name in BENCHES]
        return Results(self.machine, self.commit, [row for group in rows for row in group])

    @property
    def parts(self) -> Parts:
        return Parts(self.folder / "parts", self.commit, self.machine, self.effort)

    def take_over(self, name: str) -> bool:
        """Whether an earlier run, of which this is the continuation, has measured the bench."""
        if (outcome := self.parts.kept(name)) is not None:
            self._take(name, outcome)
        return outcome is not None

    def add(self, name: str) -> None:
        """Run one bench and keep what it gives, figures or the reason why there are none."""
        try:
            outcome = run_apart(name, self.effort, minutes=LONGEST)
        except BenchFailedError as error:
            self.rows[name] = unmeasured(figures_of(name), f"{FAILED}: {error}")
            return
        self._take(name, outcome)
        self.parts.keep(name, outcome)

    def _take(self, name: str, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        self.rows[name] = rows_of(figures_of(name), outcome)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which benches; all by default: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that a bench works")
    parser.add_argument("--reps", type=int, metavar="N", help="turns of each side; 5 by default, 1 with --quick")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where latest.json is written")
    parser.add_argument("--continue", dest="goes_on", action="store_true", help="go on with a run that was cut off")
    parser.add_argument("--check", action="store_true", help="fail when a bench failed or a ratio misses its target")
    parser.add_argument("--only-check", action="store_true", help="run nothing: check the ratios of the latest run")
    parser.add_argument("--publish", action="store_true", help="run nothing: write the page of a run that was cut off")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that the bench that runs ends too
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    if options.reps is not None and options.reps < 1:
        parser.error("--reps must be at least 1")
    if options.only_check:
        return _check_the_latest(options.results / "latest.json")
    effort = Effort(options.reps or (1 if options.quick else 5), options.quick)
    run = Run(effort, options.names or list(BENCHES), options.results)
    if options.publish and options.quick:
        parser.error("a quick run is no result: publish a whole one")
    if options.publish:
        return _publish_what_there_is(run)
    _run(run, goes_on=options.goes_on)
    if run.is_whole:
        _publish(run)
    return _check(run.results().rows) if options.check else 0


def _run(run: Run, *, goes_on: bool) -> None:
    print(f"{run.machine}, commit {run.commit}, load {busy():.1f}", flush=True)
    if not goes_on:
        run.parts.forget(run.chosen)
    for name in run.chosen:
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        if not (goes_on and run.take_over(name)):
            run.add(name)
        for row in run.rows[name]:
            print(f"   {_told(row)}", flush=True)
        for note in run.outcomes[name].notes if name in run.outcomes else ():
            print(f"   · {note.name}: {note.value:.4g} {note.unit}", flush=True)
        print(f"   ({time.monotonic() - began:.0f} s, load {busy():.1f})", flush=True)
        write(run.results(), run.folder)
    print(f"\nwritten: {run.folder / 'latest.json'}")


def _told(row: Row) -> str:
    if row.value is None:
        return f"{row.bench}: {row.figure}: not measured ({row.reason})"
    return f"{row.bench}: {row.figure}: {row.value:g} {row.unit}, target {row.target}: {'met' if row.met else 'MISSED'}"


def _publish(run: Run) -> None:
    """The page and its pictures."""
    folder = ROOT / "docs" / "benchmarks"
    curves: list[Curve] = [curve for outcome in run.outcomes.values() for curve in outcome.curves]
    pictures = draw(_measured(run), curves, folder)
    (ROOT / "docs" / "benchmarks.md").write_text(page(run.results(), run.outcomes, pictures), encoding="utf-8")


def _publish_what_there_is(run: Run) -> int:
    """The page of a run that was cut off: what it did not come to is told as not measured. 1 when there is nothing."""
    taken = [name for name in BENCHES if run.take_over(name)]
    if not taken:
        print("nothing was measured at this commit, on this machine: `make bench` first", file=sys.stderr)
        return 1
    write(run.results(), run.folder)
    _publish(run)
    return 0


def _measured(run: Run) -> dict[Figure, float]:
    pairs = zip((figure for name in BENCHES for figure in figures_of(name)), run.results().rows, strict=True)
    return {figure: row.value for figure, row in pairs if row.value is not None}


def _check_the_latest(file: Path) -> int:
    """1 also when there is nothing to check: a check that looked at nothing has passed nothing."""
    try:
        rows = read(file).rows
    except (OSError, ValueError) as error:
        print(f"{file} cannot be checked ({error}): `make bench` first", file=sys.stderr)
        return 1
    return _check(rows)


def _check(rows: list[Row]) -> int:
    found = regressions(rows)
    for sentence in found:
        print(f"regressed: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
