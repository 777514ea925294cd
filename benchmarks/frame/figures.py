"""What a bench declares and what it hands back: figures with targets, and the values that were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a value."""

    comparison: Literal["≤", "≥"]
    bound: float

    def met_by(self, value: float) -> bool:
        return value <= self.bound if self.comparison == "≤" else value >= self.bound

    def room(self, value: float) -> float:
        """How far the value is on the good side, as a factor; below 1 the target is missed."""
        good, bad = (self.bound, value) if self.comparison == "≤" else (value, self.bound)
        return good / bad if bad else float("inf")

    def __str__(self) -> str:
        return f"{self.comparison} {self.bound:g}"


def at_most(bound: float) -> Target:
    return Target("≤", bound)


def at_least(bound: float) -> Target:
    return Target("≥", bound)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. A ratio holds on any machine, and the regression check looks only at ratios."""

    bench: str
    name: str
    unit: str
    target: Target

    @property
    def is_ratio(self) -> bool:
        return self.unit == RATIO


RATIO = "×"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work a run may be. `quick` is for trying a bench out: smaller sizes, whose figures are not results."""

    reps: int = 5
    quick: bool = False

    def size(self, whole: int, small: int) -> int:
        return small if self.quick else whole


@dataclass(frozen=True, slots=True)
class Note:
    """A value beside the table: no target, but worth seeing."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one line in a plot, by label."""

    plot: str
    line: str
    x: str
    y: str
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one bench found. A declared figure without a value belongs in `missing`, with the reason."""

    values: Mapping[str, float] = field(default_factory=dict[str, float])
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: Sequence[Note] = ()
    curves: Sequence[Curve] = ()

    def to_json(self) -> bytes:
        return _OUTCOME.dump_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Outcome:
        return _OUTCOME.validate_json(text)


_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


class Bench(Protocol):
    """A module of this folder that takes part in `python -m benchmarks`."""

    FIGURES: tuple[Figure, ...]

    def bench(self, effort: Effort) -> Outcome: ...
