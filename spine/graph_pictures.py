"""Pictures of a declared graph for other programs: JSON, Mermaid, Graphviz. Drawn from the declaration alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from spine.contracts.graphs import Edge, Graph, queue_of

PictureFormat = Literal["json", "mermaid", "dot"]

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "json": "application/json",
    "mermaid": "text/vnd.mermaid; charset=utf-8",
    "dot": "text/vnd.graphviz; charset=utf-8",
}


def picture_of(graph: Graph, form: PictureFormat) -> str:
    return _DRAWN[form](graph)


def as_data(graph: Graph) -> dict[str, Any]:
    """The declaration, with `nodes` and `edges` for whoever wants to draw it."""
    nodes = [
        {"id": name, "queue": queue_of(name), "start": name in graph.start, "join": rules.join}
        for name, rules in graph.modules.items()
    ]
    edges = [
        {"from": name, "to": edge.to, "when": edge.when, "max_rounds": edge.max_rounds}
        for name, rules in graph.modules.items()
        for edge in rules.to
    ]
    return {**graph.model_dump(mode="json"), "nodes": nodes, "edges": edges}


def told_of(edge: Edge) -> str:
    """What is to be read on the way: its condition, and how often it may lead back."""
    rounds = f"at most {edge.max_rounds}×" if edge.max_rounds is not None else ""
    return ", ".join(part for part in (edge.when or "", rounds) if part)


def _json(graph: Graph) -> str:
    return json.dumps(as_data(graph), indent=2, ensure_ascii=False)


def _mermaid(graph: Graph) -> str:
    """Nodes get names of their own: a module may be called `end`, which Mermaid takes for a word of its language."""
    ids = {name: f"m{number}" for number, name in enumerate(graph.modules)}
    lines = ["flowchart TD"]
    for name in graph.modules:
        opening, closing = ("([", "])") if name in graph.start else ("[", "]")
        lines.append(f'    {ids[name]}{opening}"{_mermaid_text(name)}"{closing}')
    for name, rules in graph.modules.items():
        for edge in rules.to:
            arrow = "-.->" if edge.max_rounds is not None else "-->"
            label = f'|"{_mermaid_text(told_of(edge))}"|' if told_of(edge) else ""
            lines.append(f"    {ids[name]} {arrow}{label} {ids[edge.to]}")
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    return "".join(f"#{ord(sign)};" if sign in '"#<>&`|\n' else sign for sign in text)


def _dot(graph: Graph) -> str:
    lines = [f"digraph {_quoted(graph.name)} {{", "    node [shape=box, style=rounded];"]
    for name in graph.modules:
        lines.append(f"    {_quoted(name)}{' [penwidth=2]' if name in graph.start else ''};")
    for name, rules in graph.modules.items():
        for edge in rules.to:
            look = {"label": told_of(edge), "style": "dashed" if edge.max_rounds is not None else ""}
            given = ", ".join(f"{key}={_quoted(value)}" for key, value in look.items() if value)
            lines.append(f"    {_quoted(name)} -> {_quoted(edge.to)}{f' [{given}]' if given else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_DRAWN: Final[Mapping[PictureFormat, Callable[[Graph], str]]] = {"json": _json, "mermaid": _mermaid, "dot": _dot}
