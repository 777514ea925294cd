"""Which benches there are, in the order in which they run, and every figure that the project promises."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from benchmarks.frame.figures import RATIO, Bench, Figure, as_bench, at_least, at_most

BENCHES: Final = (
    "main_text_f1",
    "quotation_recall",
    "import_times",
    "start_and_idle",
    "review_speed",
    "review_crowd",
    "webhook_latency",
    "message_throughput",
    "ingestion_throughput",
    "embedding_throughput",
    "progress_fanout",
    "dashboard_paint",
    "cost_growth",
    "graph_throughput",
)
"""Modules of this folder. The long ones follow the short ones, so that what is broken shows early."""

PROMISED: Final[Mapping[str, tuple[Figure, ...]]] = {
    "webhook_latency": (
        Figure("webhook → handler start, idle", "p50", "ms", at_most(10)),
        Figure("webhook → handler start, idle", "p95", "ms", at_most(25)),
        Figure("webhook ack under 200 req/s", "p95", "ms", at_most(50)),
        Figure("webhook ack under 200 req/s", "errors", "requests", at_most(0)),
    ),
    "message_throughput": (
        Figure("200 messages, 1 s model", "messages/s against Celery", RATIO, at_least(10)),
        Figure("no-op tasks through the live lane, queue only", "tasks/s against Celery", RATIO, at_least(0.35)),
    ),
    "ingestion_throughput": (Figure("ingestion", "chunks/s ÷ raw embedding", RATIO, at_least(0.95)),),
    "graph_throughput": (
        Figure("graph jobs, two modules of 0.1 s", "jobs/s against a Celery chain", RATIO, at_least(1)),
    ),
}
"""Figures of benches whose module may be missing or may not declare them yet: their rows say so."""


def module_of(name: str) -> ModuleType | None:
    """The bench's module; None when there is none."""
    qualified = f"benchmarks.{name}"
    return importlib.import_module(qualified) if find_spec(qualified) else None


def load(name: str) -> Bench | None:
    """The bench; None when its module is missing or declares no figures."""
    module = module_of(name)
    return as_bench(module) if module else None


def figures_of(name: str) -> Sequence[Figure]:
    bench = load(name)
    return bench.FIGURES if bench else PROMISED.get(name, ())
