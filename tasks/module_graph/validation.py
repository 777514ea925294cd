"""What makes a graph one that can be run; everything that is wrong is named in one error."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from spine.contracts.graphs import NAME_PATTERN, Graph
from spine.errors import InvalidInputError
from spine.input_schemas import read_schema
from tasks.module_graph.conditions import parse_condition


def roots_of(graph: Graph) -> list[str]:
    """Modules that no way ahead leads to."""
    reached = {edge.to for rules in graph.modules.values() for edge in rules.ahead}
    return [name for name in graph.modules if name not in reached]


def order_of(graph: Graph) -> list[str]:
    """Every module after its parents. Raises `graphlib.CycleError`."""
    return list(TopologicalSorter(ways_in(graph)).static_order())


def ways_in(graph: Graph) -> dict[str, list[str]]:
    return {name: graph.parents(name) for name in graph.modules}


def reachable(graph: Graph, start: Iterable[str]) -> set[str]:
    """The modules themselves and all that ways ahead lead to from them."""
    found: set[str] = set()
    open_ends = [name for name in start if name in graph.modules]
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += [edge.to for edge in graph.modules[name].ahead if edge.to in graph.modules]
    return found


def check_graph(graph: Graph, *, start_is_declared: bool) -> None:
    """Raise `InvalidInputError` that names every wrong name, unknown module, cycle and unreachable module."""
    wrong = [*_names(graph), *_unknown_targets(graph), *_twice(graph), *_conditions(graph), *_input_schema(graph)]
    wrong += [f"the start {name!r} is not a module of the graph" for name in graph.start if name not in graph.modules]
    if not wrong:
        wrong = [*_cycles(graph)] or [*_bad_ways_back(graph), *_unreachable(graph, start_is_declared)]
    if wrong:
        raise InvalidInputError("; ".join(wrong) + ".")


def check_modules(graph: Graph, known: Collection[str], faults: Mapping[str, str]) -> None:
    """Raise `InvalidInputError` that names the modules for which there is no `ModuleWorker`, and with its fault each
    whose file cannot be read (`faults`)."""
    missing = [name for name in graph.modules if name not in known]
    unknown = [name for name in missing if name not in faults]
    told = [
        f"Module {name} of graph {graph.name} cannot be read: {faults[name]}." for name in missing if name in faults
    ]
    if unknown:
        hints = [f"{name}{_hint(name, known)}" for name in unknown]
        told.append(
            f"Graph {graph.name} has unknown modules: {', '.join(hints)}. "
            f"`millrace graph new-module {unknown[0]}` writes one."
        )
    if told:
        raise InvalidInputError(" ".join(told))


def _hint(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" (is {near[0]} meant?)" if near else ""


def _names(graph: Graph) -> Iterator[str]:
    for name in graph.modules:
        if not re.match(NAME_PATTERN, name):
            yield f"{name!r} is no name for a module (a-z, 0-9, _ and -, a letter first, at most 63)"


def _unknown_targets(graph: Graph) -> Iterator[str]:
    for name, rules in graph.modules.items():
        for edge in rules.to:
            if edge.to not in graph.modules:
                hint = (
                    _hint(edge.to, graph.modules)
                    or f", which the graph does not declare: add `{edge.to}:` to `modules`"
                )
                yield f"{name} leads to the unknown module {edge.to}{hint}"


def _twice(graph: Graph) -> Iterator[str]:
    for name, rules in graph.modules.items():
        targets = [edge.to for edge in rules.to]
        yield from (f"{name} leads to {to} twice" for to in sorted({to for to in targets if targets.count(to) > 1}))


def _conditions(graph: Graph) -> Iterator[str]:
    for name, rules in graph.modules.items():
        for edge in rules.to:
            try:
                if edge.when is not None:
                    parse_condition(edge.when)
            except InvalidInputError as error:
                yield f"{name} to {edge.to}: {error.message.rstrip('.')}"


def _input_schema(graph: Graph) -> Iterator[str]:
    """What would otherwise come up with the first job."""
    if graph.input is None:
        return
    try:
        read_schema(graph.input)
    except InvalidInputError as error:
        yield error.message


def _cycles(graph: Graph) -> Iterator[str]:
    """One cycle; when that is mended, the next one shows."""
    try:
        order_of(graph)
    except CycleError as error:
        cycle: list[str] = error.args[1]
        yield (
            f"the modules {' → '.join(cycle)} form a cycle; give the way that leads back `max_rounds`, "
            "and a condition under which it is taken"
        )


def _bad_ways_back(graph: Graph) -> Iterator[str]:
    for name, rules in graph.modules.items():
        for edge in rules.back:
            if name not in reachable(graph, [edge.to]):
                yield f"{name} to {edge.to} has max_rounds, but {edge.to} does not lead to {name}: it is no way back"


def _unreachable(graph: Graph, start_is_declared: bool) -> Iterator[str]:
    """From a declared start every module must be reached; without one, all must hang together with the first."""
    reached = reachable(graph, graph.start) if start_is_declared else _connected(graph)
    left = [name for name in graph.modules if name not in reached]
    if left:
        from_where = ", ".join(graph.start if start_is_declared else [next(iter(graph.modules))])
        yield f"these modules cannot be reached from {from_where}: {', '.join(left)}"


def _connected(graph: Graph) -> set[str]:
    """What hangs together with the first module, whichever way the ways lead."""
    near: Mapping[str, set[str]] = {name: set() for name in graph.modules}
    for name, rules in graph.modules.items():
        for edge in rules.to:
            near[name].add(edge.to)
            near[edge.to].add(name)
    found: set[str] = set()
    open_ends = [next(iter(graph.modules))]
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += near[name]
    return found
