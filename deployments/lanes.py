"""The lanes and the queues that each of them serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from spine.live_queues import LIVE_QUEUES

LANES: Final[Mapping[str, Mapping[str, int]]] = {
    "pipelines": {"pipelines": 4, "maintenance": 2, "batches": 2, "ingestion": 2, "cards": 4},
    "live": {**{queue.name: queue.width for queue in LIVE_QUEUES}, "graphs": 50},
}
"""Lane → its queues with how many jobs of each run at once in one process."""

WAIT_FOR_CHILDREN: Final = frozenset({"batches"})
"""Queues of jobs that mostly wait for jobs of other queues: their depth asks for no further lane."""


def counted_queues(lane: str) -> tuple[str, ...]:
    """The queues whose depth decides how many lanes of the name run."""
    return tuple(queue for queue in LANES.get(lane, {}) if queue not in WAIT_FOR_CHILDREN)


def all_queues() -> tuple[str, ...]:
    return tuple(queue for queues in LANES.values() for queue in queues)
