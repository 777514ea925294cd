"""Which module of a job may run now, with what, and when the graph is at its end. Decides; touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spine.contracts.graphs import Edge, Graph, GraphRun, ModuleState, ModuleStatus
from tasks.module_graph.conditions import holds
from tasks.module_graph.validation import order_of, reachable

Way = Literal["open", "taken", "closed"]
"""Of a way ahead: not decided yet, or followed, or not."""

_NEVER_TOUCHED = ModuleState()


@dataclass(frozen=True, slots=True)
class Plan:
    """The part of a graph that a job may walk, as it follows from where the job starts."""

    graph: Graph
    order: tuple[str, ...]
    ways_in: Mapping[str, tuple[tuple[str, Edge], ...]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What comes next. With neither `ready` nor `back`, and nothing running, the graph is at its end."""

    ready: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    back: tuple[str, str] | None = None


def plan_of(graph: Graph, start: list[str]) -> Plan:
    """The modules that can be reached from `start`; ways from elsewhere do not count for them."""
    inside = reachable(graph, start)
    order = tuple(name for name in order_of(graph) if name in inside)
    ways_in = {
        name: tuple(
            (parent, edge)
            for parent, rules in graph.modules.items()
            if parent in inside
            for edge in rules.ahead
            if edge.to == name
        )
        for name in order
    }
    return Plan(graph, order, ways_in)


def decide(plan: Plan, run: GraphRun) -> Decision:
    """What the outputs so far lead to. A way back is taken when nothing else can run and nothing does."""
    states = dict(run.modules)
    ready: list[str] = []
    skipped: list[str] = []
    for name in plan.order:
        if state_of(states, name).status is not ModuleStatus.WAITING:
            continue
        verdict = _verdict(plan, run, states, name)
        if verdict == "run":
            ready.append(name)
        elif verdict == "skip":
            skipped.append(name)
            states[name] = ModuleState(status=ModuleStatus.SKIPPED)
    busy = ready or any(state_of(states, name).status in _UNDER_WAY for name in plan.order)
    return Decision(tuple(ready), tuple(skipped), None if busy else _way_back(plan, run, states))


_UNDER_WAY = (ModuleStatus.READY, ModuleStatus.RUNNING)


def state_of(states: Mapping[str, ModuleState], name: str) -> ModuleState:
    return states.get(name, _NEVER_TOUCHED)


def _verdict(plan: Plan, run: GraphRun, states: Mapping[str, ModuleState], name: str) -> Literal["run", "skip", "wait"]:
    """Every way in must be decided first, whatever the join: what a module is given never depends on who was faster."""
    ways = [_way(plan, run, states, parent, edge) for parent, edge in plan.ways_in[name]]
    if "open" in ways:
        return "wait"
    needed = any if plan.graph.modules[name].join == "any" else all
    return "run" if not ways or needed(way == "taken" for way in ways) else "skip"


def _way(plan: Plan, run: GraphRun, states: Mapping[str, ModuleState], parent: str, edge: Edge) -> Way:
    state = state_of(states, parent)
    if state.status is ModuleStatus.SKIPPED:
        return "closed"
    if state.status is not ModuleStatus.DONE or _turning(plan, run, parent, state) is not None:
        return "open"
    return "taken" if _allows(edge, state) else "closed"


def _allows(edge: Edge, state: ModuleState) -> bool:
    return edge.when is None or holds(edge.when, state.output or {})


def _turning(plan: Plan, run: GraphRun, name: str, state: ModuleState) -> Edge | None:
    """The way back that this module's output asks for, while there are rounds left for it."""
    for edge in plan.graph.modules[name].back:
        taken = run.back.get(way_back(name, edge.to), 0)
        if edge.to in plan.ways_in and taken < (edge.max_rounds or 0) and _allows(edge, state):
            return edge
    return None


def _way_back(plan: Plan, run: GraphRun, states: Mapping[str, ModuleState]) -> tuple[str, str] | None:
    for name in plan.order:
        state = state_of(states, name)
        if state.status is ModuleStatus.DONE and (edge := _turning(plan, run, name, state)):
            return name, edge.to
    return None


def way_back(source: str, target: str) -> str:
    return f"{source}:{target}"


def next_round(plan: Plan, run: GraphRun, source: str, target: str) -> dict[str, ModuleState]:
    """The states of the target and everything ahead of it, as a new round begins there."""
    again = reachable(plan.graph, [target])
    return {
        name: ModuleState(
            round=run.modules[name].round + 1,
            before=run.modules[name].output,
            back_from=source if name == target else None,
        )
        for name in plan.order
        if name in again and name in run.modules
    }


def data_for(plan: Plan, run: GraphRun, name: str) -> dict[str, Any]:
    """What a module is given: the job's input, over it the outputs of the modules that led here in the order of the
    declaration, and each of these outputs whole under its module's name."""
    data = dict(run.input)
    led_here = dict(_led_here(plan, run, name))
    for output in led_here.values():
        data |= output
    return data | led_here


def _led_here(plan: Plan, run: GraphRun, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for parent, edge in plan.ways_in[name]:
        if _way(plan, run, run.modules, parent, edge) == "taken":
            yield parent, run.modules[parent].output or {}
    source = state_of(run.modules, name).back_from
    if source is not None and (state := run.modules.get(source)):
        yield source, state.before or {}


def results(plan: Plan, run: GraphRun) -> dict[str, Any]:
    """The outputs where the graph ended: of modules that ran and led nowhere."""
    led_on = {
        parent
        for name in plan.order
        for parent, edge in plan.ways_in[name]
        if _way(plan, run, run.modules, parent, edge) == "taken"
    }
    done = [name for name in plan.order if state_of(run.modules, name).status is ModuleStatus.DONE]
    return {name: run.modules[name].output or {} for name in done if name not in led_on}


def percent_done(plan: Plan, run: GraphRun) -> float:
    settled = sum(state_of(run.modules, name).settled for name in plan.order)
    return 100 * settled / len(plan.order)
