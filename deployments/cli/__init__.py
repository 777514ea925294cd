"""The `millrace` command: one module per group of commands, each of which adds its own to the application."""

from __future__ import annotations

import os
import sys

from typer.completion import completion_init  # pyright: ignore[reportPrivateImportUsage] - exported by nobody

from deployments.cli import (
    card_commands,
    completion_commands,
    conversation_commands,
    graph_commands,
    persona_commands,
    process_commands,
    review_commands,
    stack_commands,
    store_commands,
    token_commands,
)
from deployments.cli.application import new_application, run

GROUPS = (
    stack_commands,
    store_commands,
    review_commands,
    persona_commands,
    conversation_commands,
    card_commands,
    graph_commands,
    token_commands,
    completion_commands,
    process_commands,
)
"""Modules with `register(app)`. What a command needs is imported inside it, so that `millrace status` is quick."""


def main() -> None:
    """Entry point of the console script; never returns."""
    app = new_application()
    if "_MILLRACE_COMPLETE" in os.environ:  # a shell asks what may come next
        completion_init()
    for group in GROUPS:
        group.register(app)
    sys.exit(run(app))
