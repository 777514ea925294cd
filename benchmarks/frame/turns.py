"""Two sides that take turns, so that what else the machine does falls on both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turns(Generic[T]):
    """What each turn gave; the two sides of one place ran right after each other."""

    ours: list[T]
    peers: list[T]

    def ratio(self, cost: Callable[[T], float]) -> float:
        """Peer's cost ÷ ours, the median of the turns: above 1 we are better."""
        return median(cost(peer) / cost(own) for own, peer in zip(self.ours, self.peers, strict=True))

    def middle(self, of: Callable[[T], float]) -> tuple[float, float]:
        """Medians of ours and the peer's."""
        return median(map(of, self.ours)), median(map(of, self.peers))


def take_turns(reps: int, ours: Callable[[], T], peer: Callable[[], T]) -> Turns[T]:
    """Each side `reps` times; who begins changes with every turn."""
    turns: Turns[T] = Turns([], [])
    for number in range(reps):
        sides = [(turns.ours, ours), (turns.peers, peer)]
        for kept, run in sides if number % 2 == 0 else reversed(sides):
            kept.append(run())
    return turns


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(round(share * len(ordered), 9)) - 1)]
