"""Reading a declared graph from a YAML or a Python file. A Python file is read, never run."""

from __future__ import annotations

import ast
import reprlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from spine.contracts.graphs import Edge, Graph, ModuleRules
from spine.errors import InvalidInputError
from tasks.module_graph.validation import check_graph, roots_of

SUFFIXES: Final = (".yaml", ".yml", ".py")
CONNECTIONS: Final = "GRAPH_CONNECTIONS"
SETTINGS: Final = "GRAPH_SETTINGS"
_SETTINGS: Final[Mapping[int, type[BaseModel]]] = {0: Graph, 2: ModuleRules, 4: Edge}
"""What may be set, by how many names and places lead there: `modules`, `a`, `to`, `0`."""
_LARGEST: Final = 1_000_000
_DEEPEST: Final = 32


def read_graph(path: Path) -> Graph:
    """The graph that the file declares, checked as far as it can be without its modules.

    Raises `InvalidInputError` with everything that is wrong with it, `NotFoundError` never: a missing file is OSError.
    """
    if path.stat().st_size > _LARGEST:
        raise InvalidInputError(f"{path.name} is larger than {_LARGEST:,} bytes; that is no declaration of a graph.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        declared = _from_python(text) if path.suffix == ".py" else _from_yaml(text)
        return graph_of(declared, default_name=path.stem)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path.name}: {error.message}") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidInputError(f"{path.name} cannot be read: {error}") from error


def graph_of(declared: Mapping[str, Any], default_name: str) -> Graph:
    """The graph of `{name?, description?, start?, modules: {…}}`, or of plain `{module: [modules]}`."""
    fields: dict[str, Any] = dict(declared) if "modules" in declared else {"modules": dict(declared)}
    modules = fields["modules"]
    if not isinstance(modules, dict) or not modules:
        raise InvalidInputError("A graph has `modules`: a mapping from each module to those that come after it.")
    fields.setdefault("name", default_name)
    fields["modules"] = {str(name): _rules(str(name), given) for name, given in cast(dict[Any, Any], modules).items()}
    fields["start"] = _start(fields.get("start"))
    try:
        graph = Graph.model_validate(fields)
    except ValidationError as error:
        raise InvalidInputError(_told(error)) from None
    named = bool(graph.start)
    graph = graph if named else graph.model_copy(update={"start": roots_of(graph)})
    check_graph(graph, start_is_declared=named)
    return graph


def _start(given: Any) -> list[Any]:
    if given is not None and not isinstance(given, str | list | tuple):
        raise InvalidInputError("start: name the module that comes first, or a list of them.")
    return [given] if isinstance(given, str) else list(cast("list[Any]", given or []))


def _rules(module: str, given: Any) -> dict[str, Any]:
    """Both forms of a module: a list of those that come after it, or its rules."""
    if given is None or isinstance(given, str | list | tuple):
        return {"to": _edges(module, given)}
    if not isinstance(given, dict):
        raise InvalidInputError(f"{module}: give the modules that come after it, or its rules.")
    rules = cast(dict[str, Any], given)
    return {**rules, "to": _edges(module, rules.get("to"))}


def _edges(module: str, given: Any) -> list[dict[str, Any]]:
    if given is not None and not isinstance(given, str | dict | list | tuple):
        raise InvalidInputError(f"{module}: give the modules that come after it, or its rules.")
    targets = [given] if isinstance(given, str | dict) else list(cast("list[Any]", given or []))
    return [edge for target in targets for edge in _edge(module, target)]


def _edge(module: str, target: Any) -> list[dict[str, Any]]:
    """`b`, `{to: b, when: …}` or `{b: {when: …}}`; in the short form `{b: condition}`."""
    if isinstance(target, str):
        return [{"to": target}]
    if not isinstance(target, dict):
        raise InvalidInputError(f"{module} leads to {reprlib.repr(target)}, which is not the name of a module.")
    fields = cast(dict[str, Any], target)
    if "to" in fields:
        return [fields]
    return [{"to": to, **_rules_of_way(module, to, rules)} for to, rules in fields.items()]


def _rules_of_way(module: str, to: Any, given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"when": given}
    if given is not None and not isinstance(given, dict):
        raise InvalidInputError(f"{module} → {to}: give a condition, or rules such as {{when: …}}.")
    return cast("dict[str, Any]", given or {})


def _from_yaml(text: str) -> dict[str, Any]:
    try:
        declared = yaml.load(text, Loader=_OneOfEachKey)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise InvalidInputError(f"This is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(declared, dict):
        raise InvalidInputError("A graph in YAML is a mapping with `modules`.")
    found = cast(dict[str, Any], declared)
    return cast(dict[str, Any], found[CONNECTIONS]) if CONNECTIONS in found else found


def _from_python(text: str) -> dict[str, Any]:
    """`GRAPH_CONNECTIONS = {…}` and, where it is there, `GRAPH_SETTINGS = {name, start, …}`; both literals."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, RecursionError, MemoryError) as error:  # MemoryError: nested deeper than its parser's stack
        raise InvalidInputError(f"This is not Python: {error or 'it is nested too deeply'}") from None
    found = {name: value for node in tree.body for name, value in _assigned(node) if name in (CONNECTIONS, SETTINGS)}
    if CONNECTIONS not in found:
        raise InvalidInputError(f"There is no `{CONNECTIONS} = {{…}}` at the top level.")
    read = {name: _literal(name, value) for name, value in found.items()}
    return {**read.get(SETTINGS, {}), "modules": read[CONNECTIONS]}


def _assigned(node: ast.stmt) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return [(node.target.id, node.value)]
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    return []


def _literal(name: str, value: ast.expr) -> dict[str, Any]:
    if isinstance(value, ast.Dict):
        keys = [key.value for key in value.keys if isinstance(key, ast.Constant)]
        if twice := sorted({key for key in keys if keys.count(key) > 1}, key=repr):
            raise InvalidInputError(f"{name} declares {', '.join(map(repr, twice))} twice.")
    try:
        read = ast.literal_eval(value)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise InvalidInputError(f"{name} must be written out: the file is read and never run.") from None
    if not isinstance(read, dict):
        raise InvalidInputError(f"{name} must be a dict.")
    return cast(dict[str, Any], read)


class _OneOfEachKey(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: the first of two modules would vanish without a word.

    Aliases are refused: thirty lines of them can stand for more than any memory holds. So is deep nesting.
    """

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise InvalidInputError(f"A graph is written without aliases (line {line}): write out what it stands for.")
        if self._depth >= _DEEPEST:
            raise InvalidInputError(f"A graph is nested at most {_DEEPEST} levels deep.")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise InvalidInputError(f"{', '.join(twice)} stands twice (line {node.start_mark.line + 1}).")
        return super().construct_mapping(node, deep=deep)


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {_message(one)}" for one in error.errors()[:5])


def _message(one: ErrorDetails) -> str:
    if one["type"] == "extra_forbidden":
        *above, name = map(str, one["loc"])
        return f"there is no such setting{_meant(name, list(_SETTINGS[len(above)].model_fields))}"
    if one["type"] == "string_pattern_mismatch":
        return "must be lower case letters, digits, - and _, a letter first, at most 63"
    return one["msg"]


def _meant(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; is {near[0]} meant?" if near else f"; there are {', '.join(known)}"
