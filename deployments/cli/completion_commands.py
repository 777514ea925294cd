"""Completion of commands in a shell."""

from __future__ import annotations

from enum import StrEnum

import typer


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def register(app: typer.Typer) -> None:
    app.command()(completion)


def completion(shell: Shell) -> None:
    """Print what makes a shell complete commands: eval "$(millrace completion bash)"."""
    from typer.completion import get_completion_script  # pyright: ignore[reportPrivateImportUsage] - exported by nobody

    print(get_completion_script(prog_name="millrace", complete_var="_MILLRACE_COMPLETE", shell=str(shell)))
