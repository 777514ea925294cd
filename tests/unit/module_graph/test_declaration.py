"""Declared graphs: the forms they may have, and what is said about wrong ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spine.errors import InvalidInputError, NotFoundError
from spine.settings import Settings
from tasks.module_graph.declaration import graph_of, read_graph
from tasks.module_graph.shelf import DeclaredGraphs


def test_a_plain_dict_in_a_python_file_is_read_without_running_it(tmp_path: Path) -> None:
    file = tmp_path / "plain.py"
    trap = tmp_path / "ran"
    file.write_text(
        "from pathlib import Path\n"
        f"Path({str(trap)!r}).touch()\n"
        "GRAPH_CONNECTIONS = {'intent_validator': ['history_preferences'], 'history_preferences': []}\n"
    )

    graph = read_graph(file)

    assert (graph.name, graph.start) == ("plain", ["intent_validator"])
    assert graph.parents("history_preferences") == ["intent_validator"]
    assert not trap.exists()


def test_settings_beside_the_dict_and_rules_in_place_of_a_list(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text(
        "GRAPH_SETTINGS = {'name': 'named', 'start': 'a', 'time_limit': 60}\n"
        "GRAPH_CONNECTIONS: dict = {'a': {'to': ['b'], 'retries': 7}, 'b': []}\n"
    )
    graph = read_graph(file)

    assert (graph.name, graph.time_limit, graph.modules["a"].retries) == ("named", 60, 7)


def test_every_form_of_a_way_means_the_same() -> None:
    forms: list[Any] = [[{"b": "x == 1"}], [{"b": {"when": "x == 1"}}], {"to": {"to": "b", "when": "x == 1"}}]
    graphs = [graph_of({"a": form, "b": None}, "g") for form in forms]

    assert graphs[0] == graphs[1] == graphs[2]
    assert graphs[0].modules["a"].to[0].when == "x == 1"


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        pytest.param(
            {"input": {"type": "nope"}, "modules": {"a": []}},
            'input is no JSON Schema that can be used: "nope"',
            id="schema",
        ),
        pytest.param(
            {"input": {"properties": {"a": {"pattern": "("}}}, "modules": {"a": []}},
            '"\\(" is not a "regex"',
            id="regex",
        ),
        pytest.param(
            {"input": {"patternProperties": {"^(?!b)": {}}}, "modules": {"a": []}},
            r'"\^\(\?!b\)" is not a "regex" \(look-around',
            id="a pattern that would have to look back",
        ),
        pytest.param(
            {"input": {"allOf": [{"$ref": "http://127.0.0.1:9/s"}]}, "modules": {"a": []}},
            "http://127.0.0.1:9/s.* is not fetched",
            id="a schema that would have to be fetched",
        ),
        pytest.param(
            {"input": {"$ref": "#/$defs/q"}, "modules": {"a": []}}, r"/\$defs/q' does not exist", id="no such part"
        ),
        pytest.param({"a": ["hist"], "history": ["a"]}, r"unknown module hist \(is history meant", id="unknown"),
        pytest.param({"a": ["mail"]}, "unknown module mail, .* add `mail:` to `modules`", id="not declared"),
        pytest.param({"a": ["b"], "b": ["c"], "c": ["b"]}, "b → c → b|c → b → c", id="cycle"),
        pytest.param({"a": ["b"], "b": ["a"]}, "max_rounds", id="a cycle says how it is allowed"),
        pytest.param({"a": ["b"], "b": [], "z": []}, "reached from a: z", id="unreachable"),
        pytest.param({"a": ["b"], "b": [], "x": ["y"], "y": []}, "reached from a: x, y", id="an island"),
        pytest.param(
            {"start": "b", "modules": {"a": ["b"], "b": []}}, "reached from b: a", id="before the declared start"
        ),
        pytest.param({"start": "q", "modules": {"a": []}}, "start 'q'", id="unknown start"),
        pytest.param({"a": ["b", "b"], "b": []}, "a leads to b twice", id="twice"),
        pytest.param({"a": [{"b": "1 +"}], "b": []}, "a to b: .*not understood", id="condition"),
        pytest.param({"A b": []}, "no name for a module", id="name"),
        pytest.param({"a": {"retires": 3}}, r"modules\.a\.retires: .*is retries meant", id="unknown rule"),
        pytest.param({"a": {"x": 3}}, "no such setting; there are to, join, retries", id="a rule like no other"),
        pytest.param({"a": [{"to": "b", "wen": "x"}], "b": []}, "wen: .*is when meant", id="unknown rule of a way"),
        pytest.param(
            {"strat": "a", "modules": {"a": []}}, "strat: .*is start meant", id="unknown setting of the graph"
        ),
        pytest.param({"name": "My graph", "modules": {"a": []}}, "name: must be lower case", id="name of the graph"),
        pytest.param({"a": {"timeout": 0}}, "timeout", id="rule out of range"),
        pytest.param({"a": [{"to": "b", "max_rounds": 2}], "b": []}, "no way back", id="a way back that leads ahead"),
        pytest.param({"a": 3}, "a: give the modules", id="no list"),
        pytest.param({"modules": []}, "mapping", id="no modules"),
        pytest.param({"a": ["x"], "b": ["y"]}, "x.*y", id="all of it at once"),
    ],
)
def test_what_is_wrong_with_a_graph_is_named(declared: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        graph_of(declared, "g")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("twice.yaml", "modules:\n  a: [b]\n  a: []\n  b: []\n", "a stands twice"),
        ("twice.py", "GRAPH_CONNECTIONS = {'a': [], 'a': ['b'], 'b': []}", "declares 'a' twice"),
        ("computed.py", "GRAPH_CONNECTIONS = {name: [] for name in 'ab'}", "read and never run"),
        ("called.py", "GRAPH_CONNECTIONS = {'a': [open('/tmp/x')]}", "read and never run"),
        ("none.py", "x = 1", "no `GRAPH_CONNECTIONS"),
        ("broken.py", "GRAPH_CONNECTIONS = {", "not Python"),
        ("broken.yaml", "modules: [", "not YAML"),
        ("tagged.yaml", "modules: !!python/object/apply:os.system ['true']", "not YAML"),
        ("list.yaml", "- a\n- b\n", "mapping"),
        ("bytes.yaml", b"\xff\xfe\x00", "cannot be read|not YAML"),
    ],
)
def test_a_file_that_declares_no_graph_says_why(tmp_path: Path, name: str, text: str | bytes, told: str) -> None:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(InvalidInputError, match=told) as error:
        read_graph(file)
    assert name in str(error.value)


@pytest.fixture
def shelf(tmp_path: Path) -> DeclaredGraphs:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "modules").mkdir()
    return DeclaredGraphs(Settings(home=tmp_path))


def test_a_users_graph_is_found_and_a_broken_one_hides_no_other(shelf: DeclaredGraphs, tmp_path: Path) -> None:
    (tmp_path / "graphs" / "mine.yaml").write_text("modules: {intent_validator: []}")
    (tmp_path / "graphs" / "broken.yaml").write_text("modules: {a: [b]}")

    listed = {one.name: one.error for one in shelf.listed()}

    assert listed["mine"] is None and listed["customer-question"] is None
    assert "unknown module b" in (listed["broken"] or "")
    with pytest.raises(InvalidInputError, match="unknown module b"):
        shelf.get("broken")
    with pytest.raises(NotFoundError, match="customer-question, mine"):
        shelf.get("yours")


@pytest.mark.parametrize(
    ("other", "text", "listed_as"),
    [
        pytest.param(
            "copy.yaml", "{name: mine, modules: {intent_validator: []}}", "copy", id="a copy that kept its name"
        ),
        pytest.param("mine.yml", "modules: {intent_validator: []}", "mine.yml", id="another ending"),
    ],
)
def test_a_graph_that_two_files_declare_is_told_and_the_first_is_served(
    shelf: DeclaredGraphs, tmp_path: Path, other: str, text: str, listed_as: str
) -> None:
    (tmp_path / "graphs" / "a.yaml").write_text("{name: mine, modules: {history_preferences: []}}")
    (tmp_path / "graphs" / other).write_text(text)

    errors = {one.name: one.error for one in shelf.listed()}
    assert errors["mine"] is None and list(shelf.get("mine").modules) == ["history_preferences"]
    assert errors[listed_as] == f"{other} declares the graph mine, as a.yaml does: give one of them another name."


def test_a_module_for_which_there_is_no_class_is_named(shelf: DeclaredGraphs, tmp_path: Path) -> None:
    (tmp_path / "graphs" / "typo.yaml").write_text("modules: {intent_validatr: []}")

    with pytest.raises(InvalidInputError, match=r"intent_validatr \(is intent_validator meant"):
        shelf.get("typo")


def test_a_module_whose_file_is_no_python_is_told_with_its_line_and_only_to_graphs_that_use_it(
    shelf: DeclaredGraphs, tmp_path: Path
) -> None:
    (tmp_path / "modules" / "torn.py").write_text("import os\nclass Words(ModuleWorker:\n    pass\n")
    (tmp_path / "graphs" / "uses.yaml").write_text("modules: {words: [intent_validatr], intent_validatr: []}")
    (tmp_path / "graphs" / "other.yaml").write_text("modules: {intent_validator: []}")

    fault = r"Module words of graph uses cannot be read: .*torn\.py, line 2: SyntaxError: "
    with pytest.raises(InvalidInputError, match=fault + r".*unknown modules: intent_validatr \("):
        shelf.get("uses")
    errors = {one.name: one.error for one in shelf.listed()}
    assert "line 2" in (errors.pop("uses") or "") and set(errors.values()) == {None}


def test_a_changed_file_counts_at_once(shelf: DeclaredGraphs, tmp_path: Path) -> None:
    file = tmp_path / "graphs" / "mine.yaml"
    file.write_text("{modules: {intent_validator: []}}")
    before = shelf.get("mine")
    file.write_text("{modules: {intent_validator: {timeout: 5}}}")

    timeouts = [graph.modules["intent_validator"].timeout for graph in (before, shelf.get("mine"))]
    assert timeouts == [60, 5]
