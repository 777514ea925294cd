"""Rounds until the time is over: load, fault, quiet, verdict."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.catalogue import NO_FAULT
from tests.chaos.load import Load, Mix
from tests.chaos.outside import Outside
from tests.chaos.plan import Fault, Round, rounds
from tests.chaos.small_disk import Disk
from tests.chaos.strikes import Attack
from tests.chaos.target import Target, until
from tests.chaos.verdict import Row

CLOSING_SECONDS = 75.0
"""Kept back for the end of the last round: no round begins in it. Of a short run a quarter."""

_WAITING = ("PENDING", "STARTED", "PROGRESS", "RETRY")


@dataclass
class Campaign:
    """One seed on one stack. `quiet_within` is how long, in seconds, the stack gets to finish a round's work."""

    seed: int
    faults: Sequence[Fault]
    mix: Mix
    longest_blow: float
    quiet_within: float = 240.0
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    usual_calls: Counter[str] = field(default_factory=Counter[str])

    async def run(self, home: Path, minutes: float, disk: Disk = Disk.OTHERS) -> list[Row]:
        """The rows in the order of their first rounds; what could not be reached in time has none.

        Rounds that cannot be had here (`disk` is what may be done to the home's) say why they are left out.
        """
        ends = time.monotonic() + minutes * 60
        with Outside() as outside:
            target = Target(home, outside, disk)
            try:
                await target.open()
                await self._round(target, Round(0, NO_FAULT, ()))
                for one in rounds(self.seed, self.faults, self.longest_blow):
                    if time.monotonic() > ends - min(CLOSING_SECONDS, minutes * 15):
                        break
                    if lacking := target.lacks(one.fault.kind):
                        print(f"round {one.number}: {one.fault.name}: left out, {lacking}", flush=True)
                        continue
                    await self._round(target, one)
            finally:
                await target.close()
        return list(self.rows.values())

    async def _round(self, target: Target, one: Round) -> None:
        print(one.told(), flush=True)
        fault, began = one.fault, time.monotonic()
        load = Load(target, one.number, self.mix, fault.forgets, fault.gentle, usual_calls=self.usual_calls)
        attack, before, lived = Attack(target, load), await _in_doubt(target), target.lane_deaths()
        ended = await asyncio.gather(load.give(one), attack.carry_out(one), return_exceptions=True)
        over = time.monotonic()
        await until(lambda: _is_quiet(target, load), self.quiet_within)
        took, seen = time.monotonic() - over, await load.seen()
        row = self.rows.setdefault(one.fault.name, Row(one.fault.name))
        flaws = len(row.flaws)
        row.broken_off([error for error in ended if isinstance(error, BaseException)])
        ambiguous = await _in_doubt(target) - before
        deaths = target.lane_deaths() - lived
        row.take(seen, blows=attack.blows, ambiguous=ambiguous, disorder=load.disorder(), deaths=deaths)
        row.recovery_seconds = max(row.recovery_seconds, round(took, 1))
        if attack.back_to_work is not None:
            row.back_to_work_seconds = max(row.back_to_work_seconds or 0.0, attack.back_to_work)
        if one.fault is NO_FAULT:
            self.usual_calls = load.calls_of_a_review()
        hit = ", ".join(f"{number} × {what}" for what, number in Counter(attack.told).items())
        told = (
            f"{len(seen)} runs, quiet after {took:.1f} s, {ambiguous} in doubt, {time.monotonic() - began:.0f} s in all"
        )
        print(f"  {hit or 'nothing hit'}; {told}", flush=True)
        for flaw in row.flaws[flaws:]:
            print(f"  {flaw}", flush=True)


async def _is_quiet(target: Target, load: Load) -> bool:
    """Nothing of the round is under way, and nothing that it led to."""
    if await load.unfinished():
        return False
    found = [await target.get("/api/jobs", status=status, limit=200) for status in _WAITING]
    return not any(job["pipeline"] != "maintenance" for page in found if page for job in page["items"])


async def _in_doubt(target: Target) -> int:
    return ((await target.get("/api/effects/ambiguous")) or {"total": 0})["total"]
