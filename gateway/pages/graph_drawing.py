"""Where the modules of a graph stand in its picture: layers from left to right, ways between them as curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from spine.contracts.graphs import Graph
from spine.graph_pictures import told_of

WIDTH: Final = 170
HEIGHT: Final = 56
_ACROSS: Final = 250
_DOWN: Final = 92
_MARGIN: Final = 16
_LONGEST: Final = 20


@dataclass(frozen=True, slots=True)
class Node:
    """One module. `x` and `y` are its upper left corner."""

    name: str
    label: str
    x: int
    y: int
    start: bool


@dataclass(frozen=True, slots=True)
class Way:
    """A curve between two modules. `told` is its condition and how often it may lead back."""

    origin: str
    target: str
    curve: str
    back: bool
    told: str


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    nodes: list[Node]
    ways: list[Way]


def drawing_of(graph: Graph) -> Drawing:
    """Each module stands right of all that lead to it; ways back run below the others."""
    layers = _layers(graph)
    rows: dict[int, int] = {}
    nodes: dict[str, Node] = {}
    for name in graph.modules:
        layer = layers[name]
        row = rows[layer] = rows.get(layer, -1) + 1
        label = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        nodes[name] = Node(name, label, _MARGIN + layer * _ACROSS, _MARGIN + row * _DOWN, name in graph.start)
    floor = _MARGIN + max(rows.values(), default=0) * _DOWN + HEIGHT
    ways = [
        Way(name, edge.to, _curve(nodes[name], nodes[edge.to], floor if back else None), back, told_of(edge))
        for name, rules in graph.modules.items()
        for edge in rules.to
        for back in (edge.max_rounds is not None,)
    ]
    below = 2 * _MARGIN if any(way.back for way in ways) else _MARGIN
    width = 2 * _MARGIN + max(layers.values(), default=0) * _ACROSS + WIDTH
    return Drawing(width, floor + below, list(nodes.values()), ways)


def _layers(graph: Graph) -> dict[str, int]:
    """The longest way from a beginning, ways back left aside; a declaration has no other cycles."""
    layers = dict.fromkeys(graph.modules, 0)
    for _ in graph.modules:
        for name, rules in graph.modules.items():
            for edge in rules.ahead:
                layers[edge.to] = min(len(layers), max(layers[edge.to], layers[name] + 1))
    return layers


def _curve(origin: Node, target: Node, floor: int | None) -> str:
    """With a floor it is a way back, which passes under everything that stands above the floor."""
    if floor is not None:
        x1, y1, x2, y2 = origin.x + WIDTH // 2, origin.y + HEIGHT, target.x + WIDTH // 2, target.y + HEIGHT
        # In its middle such a curve comes three quarters of the way to the points that pull it.
        low = min(y1, y2) + (floor + _MARGIN - min(y1, y2)) * 4 // 3
        return f"M {x1} {y1} C {x1} {low}, {x2} {low}, {x2} {y2}"
    x1, y1, x2, y2 = origin.x + WIDTH, origin.y + HEIGHT // 2, target.x, target.y + HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M {x1} {y1} C {middle} {y1}, {middle} {y2}, {x2} {y2}"
