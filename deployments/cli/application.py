"""The frame of every command: one clear line instead of a traceback, and an exit code that scripts can trust."""

from __future__ import annotations

import json
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import typer

from spine.errors import MillraceError

INTERRUPTED = 130


def new_application() -> typer.Typer:
    return typer.Typer(
        name="millrace",
        help="AI background pipelines on Prefect 3.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run(app: typer.Typer) -> int:
    """Run the command line; the exit code. Errors that Millrace raises on purpose become one line on stderr."""
    _make_printable()
    try:
        app(prog_name="millrace")
    except MillraceError as error:
        return _complain(error.message)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        return _complain(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
    finally:
        _flush()
    return 0


def _make_printable() -> None:
    """Where nobody listens (`>&-`) what is said goes nowhere; what an encoding cannot show is said in ASCII."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _flush() -> None:
    """Write what is left; a reader that has gone away (`millrace status | head`) is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> int:
    print(f"millrace: {message}", file=sys.stderr)
    return 1


def print_json(value: Any) -> None:
    """The machine-readable answer of a command, alone on stdout."""
    print(json.dumps(value, indent=2, default=str))
