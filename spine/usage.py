"""The account of every model call: writing it down when it happens, summing it up when somebody asks."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median
from typing import Any, Final, Literal, get_args

from spine.budget import Spend
from spine.contracts.timestamps import utc_now
from spine.contracts.usage import UsageAccount, UsageGroup, UsageRecord, UsageSum
from spine.documents import USAGE
from spine.errors import InvalidInputError, MillraceError
from spine.idempotency import new_id
from spine.model_chain import Attempt
from spine.ports import Document, Documents, Where

_logger = logging.getLogger("millrace.usage")
_BATCH: Final = 1000

Dimension = Literal["day", "provider", "model", "stage", "submission", "pipeline"]
DIMENSIONS: Final[tuple[str, ...]] = get_args(Dimension)
_NEWEST_FIRST: Final = {"day", "submission"}


# -- writing -------------------------------------------------------------------------------------------------


def records_of(
    account: UsageAccount, purpose: str, attempts: Sequence[Attempt[Any]], now: datetime
) -> list[UsageRecord]:
    """One record per attempt that sent something; one that found no key, or needs no model, cost nothing."""
    asked = new_id("ask")
    return [
        _record(account, purpose, attempt, f"{asked}:{number}", now)
        for number, attempt in enumerate(attempts)
        if attempt.calls
    ]


async def record_usage(
    documents: Documents, account: UsageAccount, purpose: str, attempts: Sequence[Attempt[Any]]
) -> None:
    """Store what was just spent.

    A store that does not take it costs the record, with an error in the log, and not the answer: asking again would
    spend the same once more.
    """
    for record in records_of(account, purpose, attempts, utc_now()):
        try:
            await documents.upsert(USAGE, {"_id": record.key, **record.model_dump(mode="json")})
        except MillraceError as error:
            _logger.error("the usage %s of %s was not stored: %s", record.model_dump(mode="json"), account, error)


def _record(account: UsageAccount, purpose: str, attempt: Attempt[Any], key: str, now: datetime) -> UsageRecord:
    return UsageRecord(
        **account.model_dump(),
        key=key,
        purpose=purpose,
        provider=attempt.choice.provider,
        model=attempt.choice.model_id,
        calls=attempt.calls,
        input_tokens=attempt.input_tokens,
        output_tokens=attempt.output_tokens,
        cost_usd=attempt.cost_usd,
        seconds=round(attempt.seconds, 3),
        outcome=attempt.outcome,
        error_class=type(attempt.error).__name__ if attempt.error else None,
        day=now.date().isoformat(),
        at=now,
    )


# -- reading -------------------------------------------------------------------------------------------------


async def spent_on(documents: Documents, submission_id: str) -> Spend:
    """What all jobs of a submission have spent so far; a cost that is not known counts as none."""
    found = await documents.find(USAGE, {"submission_id": submission_id})
    return sum((Spend(r["input_tokens"] + r["output_tokens"], r["cost_usd"] or 0.0) for r in found), Spend())


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Sums by group, in order, and the sum of everything that was counted."""

    groups: list[UsageGroup]
    total: UsageSum


async def usage_report(
    documents: Documents,
    group_by: Sequence[str],
    *,
    first_day: date,
    last_day: date,
    submission_id: str | None = None,
) -> UsageReport:
    """What was spent from `first_day` to `last_day`, both included (UTC). Reads every record of that time once."""
    where: dict[str, Any] = {"day": {"$gte": first_day.isoformat(), "$lte": last_day.isoformat()}}
    if submission_id is not None:
        where["submission_id"] = submission_id
    tally = UsageTally(checked_dimensions(group_by))
    async for record in _records(documents, where):
        tally.add(record)
    return tally.report()


def checked_dimensions(group_by: Iterable[str]) -> tuple[str, ...]:
    """Each dimension once, in the order given. Raises InvalidInputError for an unknown one, and for none."""
    dimensions = tuple(dict.fromkeys(group_by))
    unknown = [name for name in dimensions if name not in DIMENSIONS]
    if unknown or not dimensions:
        given = ", ".join(unknown) or "empty"
        raise InvalidInputError(f"group_by cannot be {given}; choose from {', '.join(DIMENSIONS)}, joined by commas.")
    return dimensions


async def _records(documents: Documents, where: Where) -> AsyncGenerator[Document]:
    last = ""
    while True:
        batch = await documents.find(USAGE, {**where, "_id": {"$gt": last}}, sort=[("_id", 1)], limit=_BATCH)
        for record in batch:
            yield record
        if len(batch) < _BATCH:
            return
        last = batch[-1]["_id"]


# -- summing up ----------------------------------------------------------------------------------------------


@dataclass
class UsageTally:
    """Adds up records by group; lives for one report."""

    group_by: tuple[str, ...]
    _sums: dict[tuple[str, ...], _Running] = field(default_factory=dict[tuple[str, ...], "_Running"])

    def add(self, record: Mapping[str, Any]) -> None:
        group = tuple(str(record.get(_field_of(name), "")) for name in self.group_by)
        self._sums.setdefault(group, _Running()).add(record)

    def report(self) -> UsageReport:
        """Days and submissions come newest first, other groups by name."""
        order = sorted(self._sums, reverse=bool(_NEWEST_FIRST & set(self.group_by)))
        total = _Running()
        for running in self._sums.values():
            total.merge(running)
        groups = [
            UsageGroup(group=dict(zip(self.group_by, key, strict=True)), **self._sums[key].sum().model_dump())
            for key in order
        ]
        return UsageReport(groups, total.sum())


@dataclass
class _Running:
    """A sum while it is being made."""

    counts: UsageSum = field(default_factory=UsageSum)
    known_usd: float = 0.0
    waits: list[float] = field(default_factory=list[float])

    def add(self, record: Mapping[str, Any]) -> None:
        counts, cost = self.counts, record["cost_usd"]
        counts.attempts += 1
        counts.failed += record["outcome"] != "ok"
        counts.calls += record["calls"]
        counts.input_tokens += record["input_tokens"]
        counts.output_tokens += record["output_tokens"]
        counts.calls_with_unknown_cost += record["calls"] if cost is None else 0
        self.known_usd += cost or 0.0
        self.waits.append(record["seconds"])

    def merge(self, other: _Running) -> None:
        for name in ("attempts", "failed", "calls", "input_tokens", "output_tokens", "calls_with_unknown_cost"):
            setattr(self.counts, name, getattr(self.counts, name) + getattr(other.counts, name))
        self.known_usd += other.known_usd
        self.waits += other.waits

    def sum(self) -> UsageSum:
        nothing_known = self.counts.calls_with_unknown_cost > 0 and self.known_usd == 0.0
        waits = sorted(self.waits)
        return self.counts.model_copy(
            update={
                "cost_usd": None if nothing_known else round(self.known_usd, 6),
                "seconds": round(math.fsum(waits), 3),
                "seconds_median": round(median(waits), 3) if waits else 0.0,
                "seconds_p95": waits[math.ceil(0.95 * len(waits)) - 1] if waits else 0.0,
            }
        )


def _field_of(dimension: str) -> str:
    return "submission_id" if dimension == "submission" else dimension
