"""Which leases have stopped moving, judged by this process's own steady clock.

A lease names a moment of its holder's wall clock. Wall clocks jump, and those of two machines differ; so a moment that
is over proves nothing by itself. What proves it is that the holder, who renews every few seconds, has not been seen to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spine.contracts.timestamps import utc_now

SILENT = timedelta(seconds=8)
"""A lease that is over, and was not renewed for so long while we looked, is lost. Longer than the longest time between
two renewals of a living holder (6 s)."""

SILENT_AHEAD = timedelta(seconds=30)
"""The same for a lease that is not over: a clock that was put back since leaves it far in the future."""

_LONGEST_LOOK = 5.0
"""Seconds that pass at most between two looks: while the store did not answer us it took no renewal either."""


@dataclass(slots=True)
class _Seen:
    until: datetime | None
    silent: float = 0.0


def is_plausible(until: datetime, now: datetime, lease: timedelta) -> bool:
    """Whether a lease can be at work: it is not over, nor so far ahead that only a clock since put back wrote it."""
    return now < until <= now + 2 * lease


class LeaseWatch:
    """To be told of all leases every few seconds; of a lease that it is not told of any more it forgets everything."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._looked = now()
        self._seen: dict[str, _Seen] = {}

    def lost(self, leases: Mapping[str, datetime | None]) -> set[str]:
        """Of these, by name and the moment until which they were taken, those whose holder is gone."""
        passed = min(self._now() - self._looked, _LONGEST_LOOK)
        self._looked = self._now()
        self._seen = {name: self._look(name, until, passed) for name, until in leases.items()}
        return {name for name, seen in self._seen.items() if _is_lost(seen)}

    def _look(self, name: str, until: datetime | None, passed: float) -> _Seen:
        seen = self._seen.get(name)
        return _Seen(until, seen.silent + passed) if seen is not None and seen.until == until else _Seen(until)


def _is_lost(seen: _Seen) -> bool:
    is_over = seen.until is None or seen.until < utc_now()
    return seen.silent >= (SILENT if is_over else SILENT_AHEAD).total_seconds()
