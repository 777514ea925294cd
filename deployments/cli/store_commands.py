"""Commands for what a stack keeps: a backup of it, and a stack made from one."""

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
    for command in (backup, restore):
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


def _tell(manifest: Any) -> None:
    for store, how in sorted(manifest.stores.items()):
        print(f"{store}: {how}")
    for what in manifest.left_out:
        print(f"left out: {what}")
