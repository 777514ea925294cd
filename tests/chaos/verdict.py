"""What is to be said of a round, decided from what was seen from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED", "DEAD"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One piece of acked work as it looks from outside when all is quiet.

    `status` is None when the gateway does not know the job. `effects` counts what it did outside, of which there is to
    be exactly `expected`. `spare` counts what was done again although it was finished. `in_doubt` says that an effect
    is listed as one of which nobody knows.
    """

    kind: str
    name: str
    status: str | None
    effects: int = 1
    expected: int = 1
    spare: int = 0
    in_doubt: bool = False
    poison: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one piece of work: lost, duplicated, stuck, or failed though nothing was wrong with it."""

    what: str
    seen: Seen

    def __str__(self) -> str:
        one = self.seen
        counted = f"{one.effects} of {one.expected}" + (f", {one.spare} again" if one.spare else "")
        return f"{self.what}: {one.kind} {one.name} is {one.status}, {counted} {one.note}".rstrip()


def flaw_of(seen: Seen) -> Flaw | None:
    """The worst that can be said of it; None when it is well."""
    if seen.status is None:
        return Flaw("lost", seen)
    if seen.status not in FINAL:
        return Flaw("stuck", seen)
    if seen.poison:
        return None if seen.status in ("DEAD", "FAILURE") else Flaw("stuck", seen)
    if seen.effects > seen.expected or seen.spare > 0:
        return Flaw("duplicated", seen)
    if seen.status != "SUCCESS":
        return Flaw("failed", seen)
    return Flaw("lost", seen) if seen.effects < seen.expected and not seen.in_doubt else None


def out_of_order(heard: Sequence[str], written: Sequence[str]) -> bool:
    """Whether what was heard, each counted once, is in another order than it was written."""
    place = {text: number for number, text in enumerate(written)}
    first = [place[text] for text in dict.fromkeys(heard) if text in place]
    return first != sorted(first)


def repeated(done: int, usual: int, attempts: int, at_once: int = 1) -> int:
    """How much was done again that was finished: each lost attempt may cut off as much as was under way at once."""
    return max(0, done - usual - max(0, attempts - 1) * at_once)


@dataclass(slots=True)
class Row:
    """A fault and what came of it, over all its rounds."""

    fault: str
    rounds: int = 0
    blows: int = 0
    runs: int = 0
    lost: int = 0
    duplicated: int = 0
    stuck: int = 0
    failed: int = 0
    out_of_order: int = 0
    ambiguous: int = 0
    recovery_seconds: float = 0.0
    """The longest, from the end of the cause to the end of the last piece of work."""
    back_to_work_seconds: float | None = None
    flaws: list[str] = field(default_factory=list[str])

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicated or self.stuck or self.failed or self.out_of_order)

    def take(
        self, seen: Sequence[Seen], *, blows: int, ambiguous: int, disorder: Sequence[str], deaths: int = 0
    ) -> None:
        """Count a round. A blow cuts off one send at most, and so does each death of a lane: more are losses."""
        self.rounds, self.blows, self.runs = self.rounds + 1, self.blows + blows, self.runs + len(seen)
        for flaw in filter(None, map(flaw_of, seen)):
            setattr(self, flaw.what, getattr(self, flaw.what) + 1)
            self.flaws.append(str(flaw))
        self.out_of_order += len(disorder)
        self.flaws += [f"out of order: {one}" for one in disorder]
        self.ambiguous += ambiguous
        if (beyond := ambiguous - max(blows, deaths)) > 0:
            self.lost += beyond
            self.flaws.append(f"lost: {beyond} sends more in doubt than there were blows")

    def broken_off(self, errors: Sequence[BaseException]) -> None:
        """A round that could not be carried out to its end shows nothing: the stack took no work, or no blow."""
        self.stuck += len(errors)
        self.flaws += [f"stuck: the round was broken off by {error!r}" for error in errors]

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        flaws = values.pop("flaws")
        return {**values, **({"flaws": flaws} if flaws else {})}
