"""`python -m tests.chaos`: a real stack under load, faults at moments drawn from a seed, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import report
from tests.chaos.campaign import Campaign
from tests.chaos.catalogue import FAULTS
from tests.chaos.load import Mix
from tests.chaos.plan import Fault
from tests.chaos.small_disk import small_disk
from tests.chaos.verdict import Row

SHORT_MINUTES = 6.0
"""Runs below this leave the long faults out."""


def main() -> int:
    """0 when nothing was lost, doubled, stuck, failed or out of order; 1 otherwise."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, so that the stack ends and its disk goes
    asked = _arguments()
    seed = asked.seed if asked.seed is not None else secrets.randbelow(1_000_000)
    is_short = asked.minutes < SHORT_MINUTES
    faults = _chosen(asked.only, short=is_short)
    print(f"seed {seed}; again with: python -m tests.chaos --seed {seed} --minutes {asked.minutes:g}", flush=True)
    campaign = Campaign(seed, faults, Mix(), longest_blow=10.0 if is_short else 60.0)
    with tempfile.TemporaryDirectory(prefix="millrace-chaos-", ignore_cleanup_errors=True) as folder:
        rows = _run(campaign, Path(folder) / "home", asked)
    _leave(seed, asked.minutes, campaign, write=asked.write)
    return 0 if all(row.is_good for row in rows) else 1


def _run(campaign: Campaign, own: Path, asked: argparse.Namespace) -> Sequence[Row]:
    """In the home that was asked for, which is not filled, else in one on a small disk where that can be mounted."""
    if asked.home:
        return asyncio.run(campaign.run(Path(asked.home), asked.minutes))
    with small_disk(own) as disk:
        return asyncio.run(campaign.run(own, asked.minutes, disk))


def _leave(seed: int, minutes: float, campaign: Campaign, *, write: bool) -> None:
    rows = list(campaign.rows.values())
    told = report.summary(seed, minutes, rows)
    print(f"\n{told}")
    for flaw in (flaw for row in rows for flaw in row.flaws):
        print(flaw)
    if write:
        report.RESULTS.parent.mkdir(exist_ok=True)
        report.RESULTS.write_text(report.to_json(seed, rows), encoding="utf-8")
        report.PAGE.write_text(report.with_table(report.PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")


def _chosen(only: Sequence[str] | None, *, short: bool) -> Sequence[Fault]:
    words = [word.casefold() for word in only or ()]
    named = [fault for fault in FAULTS if any(word in fault.name.casefold() for word in words)]
    if only and not named:
        sys.exit(f"no fault has {only!r} in its name; there are: {'; '.join(fault.name for fault in FAULTS)}")
    return named if only else [fault for fault in FAULTS if fault.short or not short]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same one gives the same plan; drawn and printed without it")
    parser.add_argument("--minutes", type=float, default=30.0, help="no round begins in the last of them")
    parser.add_argument("--only", action="append", metavar="WORDS", help="faults so named; may be repeated")
    parser.add_argument("--home", help="an empty folder for the stack, to look at its logs afterwards")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/reliability.md and the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
