"""The faults: the rows of the table."""

from __future__ import annotations

from typing import Final

from tests.chaos.plan import Fault

KILLABLE: Final = {
    "lane-pipelines": "the pipeline lane",
    "lane-live": "the live lane",
    "gateway": "the gateway",
    "worker": "the worker",
    "redis": "Redis",
    "prefect": "the Prefect server",
    "postgres": "Postgres",
    "chroma": "Chroma",
}
"""Every process of a stack but its supervisor."""

DISK: Final = "disk"
READ_ONLY: Final = "read-only"
CLOCK: Final = "clock"
GREED: Final = "greed"
"""Kinds of faults that not every machine can be made to have (`Target.lacks`)."""

HOUR: Final = 3600

EARLY: Final = ("amazon_scrape", "additional_links_scrape", "summarize_additional_links", "consolidate_book_data")
LATE: Final = ("internet_research", "context_generation", "article_generation", "publishing")
"""The stages of a review, in their order."""


def _kill(part: str, *, short: bool = False) -> Fault:
    return Fault(f"kill -9 of {KILLABLE[part]}", "kill", part, short=short)


def _at_stages(told: str, stages: tuple[str, ...]) -> Fault:
    """A blow for each stage, and no more: a lane that dies often is started again ever later."""
    name = f"kill -9 of the lane as {told} stages of a review begin"
    return Fault(name, "stages", ",".join(stages), strikes=(len(stages), len(stages)))


def _cut(part: str, told: str) -> Fault:
    return Fault(f"{told} cut off", "freeze", part, strikes=(1, 1), lasts=(20.0, 60.0))


def _clock(told: str, seconds: int, *, short: bool = False) -> Fault:
    """The clock jumps, and jumps back when the blow ends."""
    name = f"the clock put {told} by an hour"
    return Fault(name, CLOCK, str(seconds), strikes=(1, 1), lasts=(8.0, 20.0), gentle=True, short=short)


def _no_memory(part: str) -> Fault:
    return Fault(f"no memory left for {KILLABLE[part]}", "memory", part, strikes=(1, 1), lasts=(3.0, 10.0))


def _no_file(part: str) -> Fault:
    return Fault(f"no file left for {KILLABLE[part]}", "files", part, strikes=(1, 1), lasts=(3.0, 10.0))


FAULTS: Final = (
    _kill("lane-pipelines", short=True),
    _kill("lane-live", short=True),
    _clock("forward", HOUR, short=True),
    _kill("gateway", short=True),
    _kill("redis", short=True),
    _at_stages("early", EARLY),
    Fault("Redis flushed (FLUSHALL)", "flush", strikes=(1, 2), forgets=True, short=True),
    Fault("worker and flow killed together", "worker-and-flow", strikes=(1, 1), short=True),
    Fault("lanes and gateway replaced one by one", "upgrade", strikes=(1, 1), gentle=True),
    _kill("postgres"),
    _kill("prefect"),
    _at_stages("late", LATE),
    Fault("a poison job that kills its lane", "poison", strikes=(1, 1)),
    Fault("Postgres bounced again and again", "bounce", "postgres", strikes=(2, 3), lasts=(0.0, 5.0)),
    _kill("worker"),
    _kill("chroma"),
    _cut("redis", "Redis"),
    Fault("the disk full", DISK, strikes=(1, 1), lasts=(3.0, 10.0)),
    Fault("the home read-only", READ_ONLY, strikes=(1, 1), lasts=(3.0, 10.0)),
    _clock("back", -HOUR),
    Fault(
        "a lane that dies while the clock is wrong", "clock-kill", "lane-pipelines", strikes=(1, 1), lasts=(8.0, 20.0)
    ),
    Fault("a greedy job that the kernel kills for its memory", GREED, strikes=(1, 1)),
    _no_memory("lane-pipelines"),
    _no_file("lane-live"),
    _cut("prefect", "the Prefect server"),
    Fault("Redis failed over to an empty one", "empty", strikes=(1, 1), forgets=True),
    _no_file("gateway"),
    _cut("postgres", "Postgres"),
    _no_file("lane-pipelines"),
    _cut("chroma", "Chroma"),
    Fault("several parts killed at once", "kill-some", strikes=(1, 2)),
)
"""In the order of their first rounds: where time is short, the last ones have none."""

NO_FAULT: Final = Fault("no fault", "none", strikes=(0, 0))
"""Goes first: it shows that the load is healthy, and how often a review asks its models when nothing disturbs it."""
