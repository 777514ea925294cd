"""Reading a declared graph from a YAML or a Python file. A Python file is read, never run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml
from pydantic import ValidationError

from spine.contracts.graphs import Graph
from spine.errors import InvalidInputError
from tasks.module_graph.validation import check_graph, roots_of

SUFFIXES: Final = (".yaml", ".yml", ".py")
CONNECTIONS: Final = "GRAPH_CONNECTIONS"
SETTINGS: Final = "GRAPH_SETTINGS"
_LARGEST: Final = 1_000_000


def read_graph(path: Path) -> Graph:
    """The graph that the file declares, checked as far as it can be without its modules.

    Raises `InvalidInputError` with everything that is wrong with it, `NotFoundError` never: a missing file is OSError.
    """
    if path.stat().st_size > _LARGEST:
        raise InvalidInputError(f"{path.name} is larger than {_LARGEST:,} bytes; that is no declaration of a graph.")
    try:
        text = path.read_text(encoding="utf-8")
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
    start = fields.pop("start", None)
    fields["start"] = [start] if isinstance(start, str) else list(start or [])
    try:
        graph = Graph.model_validate(fields)
    except ValidationError as error:
        raise InvalidInputError(_told(error)) from None
    named = bool(graph.start)
    graph = graph if named else graph.model_copy(update={"start": roots_of(graph)})
    check_graph(graph, start_is_declared=named)
    return graph


def _rules(module: str, given: Any) -> dict[str, Any]:
    """Both forms of a module: a list of those that come after it, or its rules."""
    if given is None or isinstance(given, str | list | tuple):
        return {"to": _edges(module, given)}
    if not isinstance(given, dict):
        raise InvalidInputError(f"{module}: give the modules that come after it, or its rules.")
    rules = cast(dict[str, Any], given)
    return {**rules, "to": _edges(module, rules.get("to"))}


def _edges(module: str, given: Any) -> list[dict[str, Any]]:
    targets = [given] if isinstance(given, str | dict) else list(given or [])
    return [edge for target in targets for edge in _edge(module, target)]


def _edge(module: str, target: Any) -> list[dict[str, Any]]:
    """`b`, `{to: b, when: …}` or `{b: {when: …}}`; in the short form `{b: condition}`."""
    if isinstance(target, str):
        return [{"to": target}]
    if not isinstance(target, dict):
        raise InvalidInputError(f"{module} leads to {target!r}, which is not the name of a module.")
    fields = cast(dict[str, Any], target)
    if "to" in fields:
        return [fields]
    return [{"to": to, **({"when": rules} if isinstance(rules, str) else rules or {})} for to, rules in fields.items()]


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
    except (SyntaxError, RecursionError) as error:
        raise InvalidInputError(f"This is not Python: {error}") from None
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
        keys = [ast.unparse(key) for key in value.keys if key is not None]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise InvalidInputError(f"{name} declares {', '.join(twice)} twice.")
    try:
        read = ast.literal_eval(value)
    except (ValueError, TypeError, RecursionError):
        raise InvalidInputError(f"{name} must be written out: the file is read and never run.") from None
    if not isinstance(read, dict):
        raise InvalidInputError(f"{name} must be a dict.")
    return cast(dict[str, Any], read)


class _OneOfEachKey(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error: the first of two modules would vanish without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
            raise InvalidInputError(f"{', '.join(twice)} stands twice (line {node.start_mark.line + 1}).")
        return super().construct_mapping(node, deep=deep)


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
