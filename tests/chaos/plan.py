"""The plan of a run: which fault comes when, drawn from a seed and from nothing else, so that it can be had again."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of the table: what is done to the stack, and what is asked of it afterwards.

    `strikes` and `lasts` are bounds: how often in a round, and for how many seconds each time. `aim` is what it is
    done to. `forgets` faults take finished stages away (Redis is emptied), so that doing them again is no fault.
    """

    name: str
    kind: str
    aim: str = ""
    strikes: tuple[int, int] = (1, 2)
    lasts: tuple[float, float] = (0.0, 0.0)
    forgets: bool = False
    gentle: bool = False
    """No process is taken away: work that loses an attempt was taken for dead while it was alive."""
    short: bool = False
    """Part of the version of a few minutes."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One blow: `at` seconds after the load began or the blow before it ended, for `lasts` seconds; `choice`, between
    0 and 1, decides what the fault leaves open."""

    at: float
    lasts: float
    choice: float


@dataclass(frozen=True, slots=True)
class Round:
    """One fault under one load."""

    number: int
    fault: Fault
    strikes: tuple[Strike, ...]

    def told(self) -> str:
        """The round as it is printed, the same for the same seed."""
        blows = [f"after {one.at:.1f} s" + (f" for {one.lasts:.1f} s" if one.lasts else "") for one in self.strikes]
        return f"round {self.number}: {self.fault.name} ({', '.join(blows) or 'no blow'})"


LOAD_SECONDS = 8.0
"""The load is spread over this long; blows fall into it."""

_SPREAD = 2.0
"""Seconds between two blows of a round, at least."""


def rounds(seed: int, faults: Sequence[Fault], longest: float) -> Generator[Round]:
    """Every fault once in the order given, then all of them again and again, shuffled. Without end.

    Round N of a seed is the same whatever became of the rounds before it. No blow lasts for more than `longest`
    seconds.
    """
    order = list(faults)
    for number in count(1):
        place = (number - 1) % len(faults)
        if place == 0 and number > 1:
            Random(f"{seed}:order:{number}").shuffle(order)
        yield _round(Random(f"{seed}:{number}:{order[place].name}"), number, order[place], longest)


def _round(random: Random, number: int, fault: Fault, longest: float) -> Round:
    strikes = tuple(_strike(random, fault, place, longest) for place in range(random.randint(*fault.strikes)))
    return Round(number, fault, strikes)


def _strike(random: Random, fault: Fault, place: int, longest: float) -> Strike:
    """The first blow falls into the first half of the load, each further one a while after the one before."""
    begin = random.uniform(1.0, LOAD_SECONDS / 2) if place == 0 else random.uniform(_SPREAD, LOAD_SECONDS / 2)
    return Strike(round(begin, 2), round(min(longest, random.uniform(*fault.lasts)), 2), round(random.random(), 4))
