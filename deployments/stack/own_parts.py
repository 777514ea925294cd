"""Millrace's own processes: the set-up step, lanes, gateway and demo pages."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from deployments.lanes import counted_queues
from deployments.stack.environment import Addresses
from deployments.stack.health import gateway_answers, http_answers, lane_is_present
from deployments.stack.parts import Kind, LaneGroup, Part, StopRank
from deployments.stack.ports_choice import LOOPBACK
from deployments.stack.stack_settings import LaneLayout

SETUP_MODULE = "deployments.register"
DEPLOYMENTS_MODULE = "deployments.deploying"
DOCUMENTS_MODULE = "deployments.document_store"
DEMO_PART = "demo-pages"
STEP_PROCESS = "deployments.stack.step_process"
EARLY = ("redis", "chroma", "postgres")
"""What is loaded early is loaded while Prefect makes its tables, which takes half of two cores; before that the stores
and Prefect itself need both."""

LANE_WIDTH = 4
"""Jobs that a pipeline lane runs at a time."""

_STEPS_BACK = 10
"""On a machine that is full, lanes let the gateway go first: what is acknowledged can wait, its sender cannot."""

_LAST_OF_ALL = 15
"""What only a reader of Prefect's pages waits for."""

SHORT_JOBS = {"live": 100}
"""Lanes whose jobs are so short that many more of them make up a process's life."""


def millrace(*words: str) -> tuple[str, ...]:
    """A `millrace` command line in this environment, whatever PATH says."""
    return (sys.executable, "-m", "deployments.cli", *words)


def setup_part(folder: Path, needs: tuple[str, ...]) -> Part | None:
    """What a lane needs before its first job, once per start; None where there is nothing to prepare."""
    if find_spec(SETUP_MODULE) is None:
        return None
    return _step("setup", SETUP_MODULE, folder, needs, seconds=120.0)


def deployments_part(folder: Path, needs: tuple[str, ...]) -> Part:
    """Registers what Prefect's pages show, once per start: nothing waits for it but the word that all is up."""
    return _step("deployments", DEPLOYMENTS_MODULE, folder, needs, seconds=300.0, niceness=_LAST_OF_ALL)


def documents_part(folder: Path, needs: tuple[str, ...]) -> Part:
    """Settles which store holds the documents, once per start; whoever opens documents needs it."""
    return _step("documents", DOCUMENTS_MODULE, folder, needs, seconds=60.0)


def _step(name: str, module: str, folder: Path, needs: tuple[str, ...], *, seconds: float, niceness: int = 0) -> Part:
    return Part(
        name=name,
        argv=(sys.executable, "-m", STEP_PROCESS, module),
        kind=Kind.STEP,
        needs=needs,
        folder=folder,
        start_seconds=seconds,
        stop_rank=StopRank.FACES,
        niceness=niceness,
        early_needs=EARLY,
    )


def gateway_part(addresses: Addresses, folder: Path, needs: tuple[str, ...]) -> Part:
    return Part(
        name="gateway",
        argv=millrace("gateway"),
        needs=needs,
        probe=gateway_answers(addresses.gateway_url, addresses.gateway_port),
        port=addresses.gateway_port,
        folder=folder,
        stop_rank=StopRank.FACES,
        memory_limit=1000 * 2**20,
        early_needs=EARLY,
        probe_every=5.0,
    )


def demo_part(port: int, folder: Path) -> Part:
    return Part(
        name=DEMO_PART,
        argv=millrace("demo-pages"),
        probe=http_answers(f"http://{LOOPBACK}:{port}/"),
        port=port,
        folder=folder,
        stop_rank=StopRank.LANES,
        note="pages of an invented book, for the demo review",
    )


def lane_groups(
    layout: LaneLayout, addresses: Addresses, folder: Path, needs: tuple[str, ...]
) -> tuple[LaneGroup, ...]:
    """The pipeline lanes (scaled), the live lanes, and the dedicated ones."""

    def group(name: str, minimum: int, maximum: int, chosen: tuple[str, ...] = (), at_first: int = 0) -> LaneGroup:
        return LaneGroup(
            name=name,
            queues=chosen or counted_queues(name),
            minimum=minimum,
            maximum=maximum,
            make=lambda instance: replace(_lane_part(instance, name, chosen, layout, addresses, folder), needs=needs),
            needs=needs,
            early_needs=EARLY,
            per_lane=LANE_WIDTH,
            at_first=at_first,
        )

    return (
        group("pipelines", layout.minimum, layout.maximum),
        group("live", layout.live, layout.live, at_first=1),
        *(group(name, 1, 1, queues) for name, queues in layout.dedicated.items()),
    )


def _lane_part(
    instance: str, name: str, queues: tuple[str, ...], layout: LaneLayout, addresses: Addresses, folder: Path
) -> Part:
    chosen = ("--queues", ",".join(queues)) if queues else ()
    return Part(
        name=instance,
        argv=millrace("lane", name, *chosen),
        kind=Kind.LANE,
        env={"MILLRACE_LANE_MAX_JOBS": str(layout.max_jobs * SHORT_JOBS.get(name, 1))},
        probe=lane_is_present(addresses.redis_url, name),
        folder=folder,
        note=f"queues {', '.join(queues)}" if queues else "",
        start_seconds=90.0,
        stop_rank=StopRank.LANES,
        stop_seconds=30.0,
        retire_seconds=1800.0,
        memory_limit=layout.memory_limit,
        niceness=_STEPS_BACK,
    )
