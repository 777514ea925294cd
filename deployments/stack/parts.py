"""What a part of the stack is: data that the supervisor acts on, so that anything can be supervised, tests included."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Probe = Callable[["Life"], Awaitable[None]]
"""Returns when the part answers; raises any exception whose text says what is wrong. Called again and again."""


class LacksAnotherError(Exception):
    """The part answers and lacks what somebody else runs; another start of it would not bring that back."""


HELD_FOLDER = "{held_folder}"
"""Stands in `argv` for the path of `held_folder` as the child sees it."""


class Kind(StrEnum):
    SERVICE = "service"  # restarted whenever it ends
    LANE = "lane"  # like a service, but exit code 0 is its own wish to be recycled
    STEP = "step"  # runs once to exit code 0
    EXTERNAL = "external"  # run by somebody else: only probed


class StopRank(StrEnum):
    """When a part is stopped: ranks in this order, the parts of one rank together."""

    LANES = "lanes"
    FACES = "faces"
    ORCHESTRATION = "orchestration"
    STORES = "stores"


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a part runs as when the supervisor is root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Life:
    """One run of a part's process, as a probe sees it."""

    pid: int


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised process. Times are seconds, memory is bytes of the process itself (children not counted).

    `prepare` runs in a thread before every start (write a configuration, initialise a store); it may raise.
    `held_folder` is opened by the supervisor and inherited: the child reaches it as `HELD_FOLDER` even where its
    user may not walk the folders above. `bare` parts are told nothing of the stack's environment. `orphans_end` says
    whether what the process leaves behind ends with it. `niceness` (0 to 19) is how far the part steps back where the
    processor is scarce, `niceness_once_up` how far as soon as the whole stack is up. A part with `early_needs`
    is launched as soon as those are met, and waits at its gate for its `needs` (`deployments.stack.gate`). A part that
    needs more than `start_seconds` from there to become healthy, fails `probe_patience` probes in a row
    (`LacksAnotherError` is not counted) or passes `memory_limit` is asked to end (`retire_seconds` to do so) and
    started again.
    """

    name: str
    argv: tuple[str, ...]
    kind: Kind = Kind.SERVICE
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    bare: bool = False
    needs: tuple[str, ...] = ()
    probe: Probe | None = None
    port: int | None = None
    note: str = ""
    prepare: Callable[[], None] | None = None
    account: Account | None = None
    held_folder: Path | None = None
    folder: Path | None = None
    start_seconds: float = 60.0
    stop_rank: StopRank = StopRank.FACES
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    retire_seconds: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    memory_limit: int | None = None
    orphans_end: bool = True
    niceness: int = 0
    niceness_once_up: int = 0
    early_needs: tuple[str, ...] | None = None
    probe_every: float = 10.0
    probe_patience: int = 6


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Lanes of one name: between `minimum` and `maximum` processes that serve `queues` (empty: the lane's own)."""

    name: str
    queues: tuple[str, ...]
    minimum: int
    maximum: int
    make: Callable[[str], Part]
    needs: tuple[str, ...] = ()
    early_needs: tuple[str, ...] | None = None
    per_lane: int = 8
    at_first: int = 0
    """How many a start waits for, the others follow; 0 is all of `minimum`."""

    def instance(self, number: int) -> str:
        return f"lane-{self.name}-{number}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one supervisor runs."""

    parts: tuple[Part, ...]
    lanes: tuple[LaneGroup, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
