"""Looking a graph over together with its modules: what only shows when their code is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spine.contracts.graphs import Graph
from spine.errors import MillraceError
from tasks.module_graph.conditions import fields_of
from tasks.module_graph.discovery import faults_in, find_modules, load_module
from tasks.module_graph.validation import check_modules
from tasks.module_graph.worker import AnyFields, ModuleWorker


def problems_of(graph: Graph, folder: Path) -> list[str]:
    """Everything that is wrong with the graph beside its declaration. This loads the code of its modules."""
    found = find_modules(folder)
    try:
        check_modules(graph, found, faults_in(folder))
    except MillraceError as error:
        return [error.message]
    problems: list[str] = []
    workers: dict[str, type[ModuleWorker[Any, Any]]] = {}
    for name in graph.modules:
        try:
            workers[name] = load_module(found[name])
        except MillraceError as error:
            problems.append(error.message)
    return [*problems, *_unknown_fields(graph, workers)]


def _unknown_fields(graph: Graph, workers: dict[str, type[ModuleWorker[Any, Any]]]) -> Iterator[str]:
    for name, worker in workers.items():
        if worker.output_model is AnyFields or worker.output_model.model_config.get("extra") == "allow":
            continue
        known = worker.output_model.model_fields.keys()
        for edge in graph.modules[name].to:
            if missing := sorted(fields_of(edge.when) - known if edge.when else ()):
                told = f"the output of {name} has no {', '.join(missing)}; it has {', '.join(known) or 'no fields'}"
                yield f"{name} to {edge.to}: {told}"
