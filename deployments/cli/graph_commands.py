"""Commands for graphs of modules: see them, check them, run them, add a module."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.application import print_json
from deployments.cli.review_commands import Json
from spine.errors import InvalidInputError


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Graphs of modules: see, check, run, extend.")
    group.command("list")(list_graphs)
    for command in (show, submit, status, validate):
        group.command()(command)
    group.command("new-module")(new_module)
    app.add_typer(group, name="graph")


def list_graphs(json: Json = False) -> None:
    """List the declared graphs; one that cannot be used says why."""
    found = _shelf().listed()
    if json:
        print_json([one.model_dump() for one in found])
        return
    for one in found:
        print(
            f"{one.name}: {' '.join(one.modules)}" if one.error is None else f"{one.name}: CANNOT BE USED: {one.error}"
        )


def show(
    name: Annotated[str, typer.Argument(help="The graph's name.")],
    format: Annotated[str, typer.Option(help="text, mermaid, dot or json.")] = "text",
    json: Json = False,
) -> None:
    """Draw a graph from its declaration; no module's code is run."""
    from spine.graph_lines import text_of
    from spine.graph_pictures import MEDIA_TYPES, picture_of

    graph, form = _shelf().get(name), "json" if json else format
    if form == "text":
        print(text_of(graph), end="")
    elif form in ("mermaid", "dot", "json"):
        print(picture_of(graph, form).rstrip())
    else:
        raise InvalidInputError(f"There is no format {form!r}; there are text, {', '.join(MEDIA_TYPES)}.")


def submit(
    name: Annotated[str, typer.Argument(help="The graph's name.")],
    fields: Annotated[
        list[str] | None, typer.Argument(help="Fields of the input: key=value; JSON values as JSON.")
    ] = None,
    input: Annotated[str, typer.Option(help="The whole input as JSON, or @FILE.")] = "{}",
    start: Annotated[str | None, typer.Option(help="Begin at this module.")] = None,
    sink: Annotated[str | None, typer.Option(help="Name of the saved Graph Sink for the result.")] = None,
    watch_it: Annotated[bool, typer.Option("--watch", help="Stay and show the progress until it ends.")] = False,
    json: Json = False,
) -> None:
    """Start a job of a graph."""
    from deployments.cli.review_commands import watch
    from deployments.gateway_client import gateway

    body = {"input": _input(input, fields or []), "start_module": start, "sink": sink}
    with gateway() as client:
        accepted = client.post(f"/api/graphs/{name}/jobs", json=body).json()
    if watch_it:
        watch(accepted["job_id"], json)
    elif json:
        print_json(accepted)
    else:
        print(f"Accepted as {accepted['job_id']}; look at it with: millrace graph status {accepted['job_id']}")


def status(job: Annotated[str, typer.Argument(help="The job's id, job_….")], json: Json = False) -> None:
    """Show where a job stands in its graph, with what each module made."""
    from deployments.gateway_client import gateway
    from spine.contracts.graphs import Graph

    with gateway() as client:
        record = client.get(f"/api/jobs/{job}").json()
        name = record["params"].get("graph")
        if name is None:
            raise InvalidInputError(f"{job} is a job of {record['pipeline']}, not of a graph.")
        found = client.get(f"/api/graphs/{name}/jobs/{job}").json()
    if json:
        print_json(found)
        return
    graph = Graph.model_validate(found["declaration"])
    for line in _standing(graph, found):
        print(line)


def validate(
    names: Annotated[list[str] | None, typer.Argument(help="Graphs or files; all declared graphs without any.")] = None,
) -> None:
    """Check graphs together with their modules, whose code is loaded for it. Exits 1 when one is wrong."""
    from tasks.module_graph.declaration import read_graph
    from tasks.module_graph.examination import problems_of

    config, wrong = _settings(), 0
    for name in names or [one.name for one in _shelf().listed()]:
        try:
            file = Path(name)
            graph = read_graph(file) if file.suffix and file.exists() else _shelf().get(name)
            problems = problems_of(graph, config.modules_dir)
        except InvalidInputError as error:
            problems = [error.message]
        wrong += bool(problems)
        print("\n".join(f"{name}: {told}" for told in problems or ["fine"]))
    if wrong:
        raise typer.Exit(1)


def new_module(name: Annotated[str, typer.Argument(help="Its name, as graphs will call it.")]) -> None:
    """Write a new module and its test, which passes at once."""
    from tasks.module_graph.new_module import write_module

    module, test = write_module(_settings().modules_dir, name)
    print(f"Wrote {module}\n  and {test}\nTest it with: pytest {test}")


def _settings() -> Any:
    from deployments.cli.configuration import checked_settings

    return checked_settings()


def _shelf() -> Any:
    from tasks.module_graph.shelf import DeclaredGraphs

    return DeclaredGraphs(_settings())


def _input(given: str, fields: list[str]) -> dict[str, Any]:
    """The JSON with the single fields over it; a value that is no JSON is taken as text."""
    text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
    try:
        whole = json_format.loads(text)
    except ValueError as error:
        raise InvalidInputError(f"--input is no JSON: {error}") from None
    if not isinstance(whole, dict):
        raise InvalidInputError("--input is no JSON object.")
    return {**whole, **dict(map(_pair, fields))}


def _pair(field: str) -> tuple[str, Any]:
    key, equals, value = field.partition("=")
    if not key or not equals:
        raise InvalidInputError(f"{field!r} is no field; write key=value.")
    return key, _value(value)


def _value(text: str) -> Any:
    try:
        return json_format.loads(text)
    except ValueError:
        return text


def _standing(graph: Any, job: dict[str, Any]) -> list[str]:
    from spine.graph_lines import lines_of

    width = max(len(name) for name in graph.modules)
    told = [f"{job['graph']}  {job['job_id']}  {job['status']}  {job['progress']:.0f} %", ""]
    for line in lines_of(graph):
        state = job["modules"].get(line.module, {})
        seconds = f"{state['seconds']:.1f} s" if state.get("seconds") is not None else ""
        error = (state.get("error") or {}).get("message", "")
        told.append(
            f"{line.art}   {line.module:<{width}}   {state.get('status', ''):<8} {seconds:>8}  {error}".rstrip()
        )
    if job["error"]:
        told += ["", f"{job['error']['class']}: {job['error']['message']}"]
    if job["result"] is not None:
        told += ["", json_format.dumps(job["result"], indent=2, ensure_ascii=False)]
    return told
