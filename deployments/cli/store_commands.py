"""Commands for what a stack keeps: a backup, a stack made from one, and the version of its documents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.cli.application import print_json
from deployments.cli.configuration import checked_settings, stack_home

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
BackupFile = Annotated[Path, typer.Argument(help="The backup, one file: NAME.tar.gz.")]


def register(app: typer.Typer) -> None:
    for command in (backup, restore, migrate):
        app.command()(command)


def backup(file: BackupFile, json: Json = False) -> None:
    """Save everything of the stack, running or stopped, in one private file. It holds the stack's secrets."""
    from deployments.backup.saving import save

    manifest = asyncio.run(save(stack_home(), checked_settings(), file.expanduser().absolute()))
    if json:
        print_json(manifest.model_dump(mode="json", exclude={"files"}))
        return
    _tell(manifest)
    print(f"Saved as {file}. Keep it as you keep a password: it holds the stack's secrets.")


def restore(
    file: BackupFile,
    force: Annotated[bool, typer.Option(help="Set aside what MILLRACE_HOME holds now.")] = False,
    json: Json = False,
) -> None:
    """Make MILLRACE_HOME what it was when the backup was made. Start it with `millrace up` afterwards."""
    from deployments.backup.restoring import restore as make

    home = stack_home()
    manifest = asyncio.run(make(file.expanduser().absolute(), home, checked_settings(), force=force))
    if json:
        print_json(manifest.model_dump(mode="json", exclude={"files"}))
        return
    _tell(manifest)
    print(f"Restored into {home.root}, as of {manifest.created:%Y-%m-%d %H:%M:%S} UTC. Start it with `millrace up`.")


def migrate(
    to: Annotated[int | None, typer.Option(help="The version to reach; the newest without it.")] = None,
    json: Json = False,
) -> None:
    """Bring the documents to the version that this Millrace works with, or back to an earlier one."""
    from deployments.document_store import with_settled_store
    from deployments.migrating import bring_to, require_store

    config = with_settled_store(stack_home(), checked_settings())
    require_store(config)
    moved = asyncio.run(bring_to(config, to))
    if json:
        print_json({"from": moved.before, "to": moved.after, "steps": [step.name for step in moved.steps]})
        return
    for step in moved.steps:
        print(f"{step.direction}: {step.number}, {step.name}")
    print(f"The documents are at version {moved.after}" + ("." if moved.steps else " already."))


def _tell(manifest: Any) -> None:
    for store, how in sorted(manifest.stores.items()):
        print(f"{store}: {how}")
    for what in manifest.left_out:
        print(f"left out: {what}")
