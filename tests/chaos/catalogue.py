"""The faults: the rows of the table."""

from __future__ import annotations

from typing import Final

from tests.chaos.plan import Fault

_PARTS: Final = {
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
"""The kind of fault that needs a disk of its own."""

_IN_SHORT: Final = frozenset({"lane-pipelines", "lane-live", "gateway", "redis"})

FAULTS: Final = (
    *(Fault(f"kill -9 of {told}", "kill", part, short=part in _IN_SHORT) for part, told in _PARTS.items()),
    Fault("kill -9 of the lane as a stage of a review begins", "stages", strikes=(8, 8)),
    Fault("Redis flushed (FLUSHALL)", "flush", strikes=(1, 2), forgets=True, short=True),
    Fault("Redis failed over to an empty one", "empty", strikes=(1, 1), forgets=True),
    Fault("Postgres bounced again and again", "bounce", "postgres", strikes=(2, 3), lasts=(0.0, 5.0)),
    Fault("Redis cut off", "freeze", "redis", strikes=(1, 1), lasts=(20.0, 60.0)),
    Fault("the Prefect server cut off", "freeze", "prefect", strikes=(1, 1), lasts=(20.0, 60.0)),
    Fault("Postgres cut off", "freeze", "postgres", strikes=(1, 1), lasts=(20.0, 60.0)),
    Fault("Chroma cut off", "freeze", "chroma", strikes=(1, 1), lasts=(20.0, 60.0)),
    Fault("worker and flow killed together", "worker-and-flow", strikes=(1, 1), short=True),
    Fault("a poison job that kills its lane", "poison", strikes=(1, 1), poison="graph"),
    Fault("no file left for the live lane", "files", "lane-live", strikes=(1, 1), lasts=(3.0, 10.0)),
    Fault("no file left for the pipeline lane", "files", "lane-pipelines", strikes=(1, 1), lasts=(3.0, 10.0)),
    Fault("no file left for the gateway", "files", "gateway", strikes=(1, 1), lasts=(3.0, 10.0)),
    Fault("the disk full", DISK, strikes=(1, 1), lasts=(3.0, 10.0)),
    Fault("several parts killed at once", "kill-some", strikes=(1, 2)),
)

NO_FAULT: Final = Fault("no fault", "none", strikes=(0, 0))
"""Goes first: it shows that the load is healthy, and how often a review asks its models when nothing disturbs it."""

KILLABLE: Final = tuple(_PARTS)
