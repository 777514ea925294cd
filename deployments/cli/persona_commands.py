"""Commands for personas: ingest their sources, ask for passages."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.application import print_json
from spine.errors import ConflictError, InvalidInputError, NotFoundError
from spine.terminal_text import plain_text


class Collection(StrEnum):
    """The collections of a persona, as choices."""

    WORKS = "works"
    QUOTES = "quotes"
    PROFILE = "profile"


PersonaName = Annotated[str, typer.Argument(help="The persona: letters, digits, - and _.")]
Collections = Annotated[list[Collection] | None, typer.Option("--collection", help="Only this one; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    for command in (ingest, ask):
        app.command()(command)


def ingest(
    persona: PersonaName,
    source: Annotated[
        Path | None, typer.Option(help="Folder with works/, quotes/, profile.md; it replaces the persona's sources.")
    ] = None,
    collection: Collections = None,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Return when it is accepted.")] = False,
    json: Json = False,
) -> None:
    """Make a persona's works, quotes and profile searchable. What is stored already is not embedded again."""
    from deployments.cli.showing import show_until_end
    from deployments.gateway_client import gateway

    body = {"collections": [str(one) for one in collection]} if collection else {}
    with gateway() as client:
        if source is not None:
            _place(client, persona, source)
        accepted = client.post(f"/api/personas/{persona}/ingest", json=body).json()
        if not no_watch:
            show_until_end(client, accepted["job_id"], json)
        elif json:
            print_json(accepted)
        else:
            print(f"Accepted as {accepted['job_id']}; follow it with: millrace watch {accepted['job_id']}")


def ask(
    persona: PersonaName,
    question: Annotated[str, typer.Argument(help="A question, a phrase or a name.")],
    collection: Collections = None,
    work: Annotated[str | None, typer.Option(help="Only this work.")] = None,
    language: Annotated[str | None, typer.Option(help="Only texts in this language, such as ro.")] = None,
    limit: Annotated[int, typer.Option(help="How many passages.")] = 5,
    json: Json = False,
) -> None:
    """Show the passages of a persona that answer best, with where they stand."""
    from deployments.gateway_client import gateway

    only = {"collection": [str(one) for one in collection or []], "work": work, "language": language}
    only = {name: value for name, value in only.items() if value}
    with gateway() as client:
        found = client.get(f"/api/personas/{persona}/search", params={"q": question, "limit": limit, **only}).json()
        if not found["items"] and not json:
            print(_nothing_found(client.get(f"/api/personas/{persona}").json(), only))
    if json:
        print_json(found)
        return
    for number, hit in enumerate(found["items"], start=1):
        print(f"{number}. {_place_of(hit)}\n{_indented(hit['text'])}\n")


def _nothing_found(persona: dict[str, Any], only: dict[str, Any]) -> str:
    """Whether nothing is stored at all, or nothing of what was asked for."""
    name = persona["persona_id"]
    if not persona["total_vectors"] or not only:
        return f"Nothing is stored for {name} that could answer; `millrace ingest {name} --source DIR` first."
    told = [f"--{kind} {one}" for kind, given in only.items() for one in ([given] if isinstance(given, str) else given)]
    return (
        f"None of the {persona['total_vectors']:,} passages of {name} fits {plain_text(' '.join(told))}; "
        "ask without that, and the answers name their works."
    )


def _place(client: Any, persona: str, source: Path) -> None:
    """Not under a job that is reading them: it would take the files it misses for removed ones."""
    from pydantic import TypeAdapter, ValidationError

    from deployments.persona_sources import place_sources
    from spine.contracts.personas import PersonaId

    try:
        TypeAdapter(PersonaId).validate_python(persona)
    except ValidationError as error:
        raise InvalidInputError(f"{persona!r} is no name for a persona: use letters, digits, - and _.") from error
    _check_idle(client, persona)
    place_sources(source, _personas_dir(), persona)


def _check_idle(client: Any, persona: str) -> None:
    try:
        known = client.get(f"/api/personas/{persona}").json()
    except NotFoundError:
        return
    if known["status"] == "ingesting":
        raise ConflictError(
            f"{persona} is being ingested by job {known['job_id']}: wait for its end, or `millrace cancel` it."
        )


def _personas_dir() -> Path:
    """Where the stack reads, which another shell may have started with another setting."""
    from deployments.cli.configuration import checked_settings, stack_home
    from deployments.stack.environment import load_environment
    from spine.errors import NotConfiguredError

    try:
        told = load_environment(stack_home()).get("MILLRACE_PERSONAS")
    except NotConfiguredError:
        told = None
    return Path(told) if told else checked_settings().personas_dir


def _place_of(hit: dict[str, Any]) -> str:
    """Names of files and headings of books: whoever wrote them may have put anything in."""
    section = f" › {hit['section']}" if hit["section"] else ""
    where = plain_text(f"{hit['collection']}: {hit['work']}{section}")
    return f"{hit['score']:.2f}  {where}, characters {hit['start']}–{hit['end']}"


def _indented(text: str) -> str:
    return "\n".join(f"   {plain_text(line)}" for line in text.splitlines())
