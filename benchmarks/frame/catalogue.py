"""Which benches there are, in the order in which they run."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final, cast

from benchmarks.frame.figures import Bench, Figure

BENCHES: Final = (
    "main_text_f1",
    "quotation_recall",
    "import_times",
    "start_and_idle",
    "review_speed",
    "review_crowd",
    "webhook_acks",
    "conversation_throughput",
    "ingestion_throughput",
    "embedding_throughput",
    "progress_fanout",
    "dashboard_paint",
    "cost_growth",
    "graph_throughput",
)
"""Modules of this folder. The long ones follow the short ones, so that what is broken shows early."""


def load(name: str) -> Bench:
    """Raises `ImportError` when the bench lacks something that it cannot do without."""
    return cast(Bench, importlib.import_module(f"benchmarks.{name}"))


def figures_of(name: str) -> Sequence[Figure]:
    return load(name).FIGURES
