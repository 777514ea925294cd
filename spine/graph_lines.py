"""A graph as lines of text: one line for each module in an order in which it can run, its ways drawn on the left.

●      intent_validator
├─╮
● │    billing         if category == "billing"
│ ●    general         if category != "billing"
├─╯
●      answer          after any of billing, general
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spine.contracts.graphs import Edge, Graph
from spine.graph_pictures import told_of


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the drawing. Lines without a module hold only ways."""

    art: str
    module: str = ""
    note: str = ""


def lines_of(graph: Graph) -> list[Line]:
    """The drawing from top to bottom; all `art` is equally wide."""
    lanes: list[str | None] = []  # by column: the module that the way leads to
    lines: list[Line] = []
    for name in reading_order(graph):
        column, gathered = _gather(lanes, name)
        lines += gathered
        lines.append(Line(_row(lanes, {column: "●"}), name, _note(graph, name)))
        lines += _fan_out(lanes, column, [edge.to for edge in graph.modules[name].ahead])
    width = max(len(line.art) for line in lines)
    return [Line(line.art.ljust(width), line.module, line.note) for line in lines]


def text_of(graph: Graph) -> str:
    lines = lines_of(graph)
    width = max(len(line.module) for line in lines)
    drawn = [f"{line.art}   {line.module.ljust(width)}   {line.note}".rstrip() for line in lines]
    return "\n".join([f"{graph.name}  {graph.description}".rstrip(), "", *drawn]) + "\n"


def reading_order(graph: Graph) -> list[str]:
    """Every module after its parents, and close to the last one of them: so few ways run beside each other."""
    left = {name: len(graph.parents(name)) for name in graph.modules}
    free = [name for name in reversed(graph.modules) if not left[name]]
    order: list[str] = []
    while free:
        name = free.pop()
        order.append(name)
        for edge in reversed(graph.modules[name].ahead):
            left[edge.to] -= 1
            if not left[edge.to]:
                free.append(edge.to)
    return order


def _gather(lanes: list[str | None], name: str) -> tuple[int, list[Line]]:
    """The module's column, and the line in which ways that lead to it come together."""
    columns = [column for column, target in enumerate(lanes) if target == name]
    if not columns:
        return _free_column(lanes, name), []
    first, *others = columns
    lines = [Line(_bow(lanes, first, others, end="╯", middle="┴"))] if others else []
    for column in others:
        lanes[column] = None
    _trim(lanes)
    return first, lines


def _fan_out(lanes: list[str | None], column: int, targets: Sequence[str]) -> list[Line]:
    if not targets:
        lanes[column] = None
        _trim(lanes)
        return []
    lanes[column] = targets[0]
    taken = [_free_column(lanes, target, after=column) for target in targets[1:]]
    return [Line(_bow(lanes, column, taken, end="╮", middle="┬"))] if taken else []


def _free_column(lanes: list[str | None], target: str, after: int = -1) -> int:
    column = next((at for at in range(after + 1, len(lanes)) if lanes[at] is None), len(lanes))
    if column == len(lanes):
        lanes.append(None)
    lanes[column] = target
    return column


def _trim(lanes: list[str | None]) -> None:
    while lanes and lanes[-1] is None:
        lanes.pop()


def _row(lanes: Sequence[str | None], marks: dict[int, str]) -> str:
    width = max(len(lanes), *(column + 1 for column in marks))
    busy = [column < len(lanes) and lanes[column] is not None for column in range(width)]
    return " ".join(marks.get(column, "│" if busy[column] else " ") for column in range(width)).rstrip()


def _bow(lanes: Sequence[str | None], first: int, others: Sequence[int], *, end: str, middle: str) -> str:
    """A line from one column to others on its right, across the ways between them."""
    last = max(others)
    marks = {column: "┼" if lanes[column] is not None else "─" for column in range(first + 1, last)}
    marks |= dict.fromkeys(others, middle) | {first: "├", last: end}
    cells = [marks.get(column, "│" if target is not None else " ") for column, target in enumerate(lanes)]
    gaps = ["─" if first <= column < last else " " for column in range(len(cells))]
    return "".join(cell + gap for cell, gap in zip(cells, gaps, strict=True)).rstrip()


def _note(graph: Graph, name: str) -> str:
    """What the drawing does not show: conditions, joins, ways back."""
    ways = [(parent, edge) for parent, rules in graph.modules.items() for edge in rules.ahead if edge.to == name]
    notes = [_conditions(ways)] if any(edge.when for _, edge in ways) else []
    if len(ways) > 1:
        notes.append(f"after {graph.modules[name].join} of {', '.join(parent for parent, _ in ways)}")
    notes += [f"↺ back to {edge.to}: {told_of(edge)}" for edge in graph.modules[name].back]
    return "; ".join(notes)


def _conditions(ways: Sequence[tuple[str, Edge]]) -> str:
    if len(ways) == 1:
        return f"if {ways[0][1].when}"
    return " and ".join(f"from {parent} if {edge.when}" for parent, edge in ways if edge.when)
