"""Pictures of graphs: every module and way is in them, whatever the names and conditions are."""

from __future__ import annotations

import json

from hypothesis import given, settings

from spine.contracts.graphs import Graph
from spine.graph_lines import lines_of, reading_order, text_of
from spine.graph_pictures import picture_of
from tasks.module_graph.declaration import graph_of
from tests.unit.module_graph.test_execution import graphs

SUPPORT = graph_of(
    {
        "name": "support",
        "modules": {
            "intake": [{"billing": "x == 1"}, "general", "legal"],
            "billing": ["answer"],
            "general": ["answer"],
            "legal": ["archive", "answer"],
            "answer": {"join": "any", "to": ["review"]},
            "review": [{"to": "answer", "when": "ok == false", "max_rounds": 3}, "archive"],
            "archive": [],
        },
    },
    "support",
)


def test_a_graph_in_the_terminal() -> None:
    assert text_of(SUPPORT).split("\n") == [
        "support",
        "",
        "●         intake",
        "├─┬─╮",
        "● │ │     billing   if x == 1",
        "│ ● │     general",
        "│ │ ●     legal",
        "│ │ ├─╮",
        "├─┴─┼─╯",
        "●   │     answer    after any of billing, general, legal",
        "●   │     review    ↺ back to answer: ok == false, at most 3×",
        "├───╯",
        "●         archive   after all of legal, review",
        "",
    ]


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_every_drawing_has_each_module_once_after_its_parents(graph: Graph) -> None:
    order = [line.module for line in lines_of(graph) if line.module]

    assert order == reading_order(graph) and sorted(order) == sorted(graph.modules)
    for place, name in enumerate(order):
        assert set(graph.parents(name)) <= set(order[:place])
    assert len({len(line.art) for line in lines_of(graph)}) == 1


@settings(max_examples=30, deadline=None)
@given(graph=graphs())
def test_every_picture_has_each_way_once(graph: Graph) -> None:
    ways = sum(len(rules.to) for rules in graph.modules.values())

    assert picture_of(graph, "mermaid").count("-->") == ways
    assert picture_of(graph, "dot").count(" -> ") == ways
    assert len(json.loads(picture_of(graph, "json"))["edges"]) == ways


def test_a_condition_cannot_break_out_of_its_label() -> None:
    graph = graph_of({"a": [{"b": 'x == "]; click"'}], "b": [], }, "g")  # fmt: skip

    assert '"]' not in picture_of(graph, "mermaid").replace('"a"]', "").replace('"b"]', "")
    assert r"\"]; click\"" in picture_of(graph, "dot")
