"""Shows a job on the terminal until it ends."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import typer

from deployments.cli.application import print_json
from deployments.cli.terminal import terminal_text
from deployments.cli.verdicts import left_out, verdict


def show_until_end(client: Any, job_id: str, json: bool) -> None:
    """Show the job's progress until it ends; exit code 1 unless it succeeded."""
    from deployments.gateway_client import follow_job

    events = follow_job(client, job_id)
    with _bar(quiet=json) as show:
        while True:
            try:
                show(next(events))
            except StopIteration as end:
                job = end.value
                break
    if json:
        print_json(job)
    else:
        print("\n".join((verdict(job), *left_out(job))))
    if job["status"] != "SUCCESS":
        raise typer.Exit(1)


@contextmanager
def _bar(quiet: bool) -> Generator[Any]:
    """A progress bar on a terminal, a line per event elsewhere, nothing when quiet."""
    if quiet:
        yield _say_nothing
        return
    if not sys.stdout.isatty():
        yield _print_line
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), TextColumn("{task.fields[left]}")) as progress:
        task = progress.add_task("waiting", total=100, left="")

        def show(event: dict[str, Any]) -> None:
            left = f"about {event['eta']:.0f} s left" if event.get("eta") else ""
            step = event["current_step"] or "waiting"
            progress.update(task, completed=event["progress"], description=step, left=left)
            if event["type"] == "log":
                progress.console.print(line_of(event), markup=False, highlight=False)

        yield show


def _say_nothing(event: dict[str, Any]) -> None:
    return


def _print_line(event: dict[str, Any]) -> None:
    print(line_of(event), flush=True)


def line_of(event: dict[str, Any]) -> str:
    if event.get("stream"):
        return terminal_text(event["message"])
    what = event.get("status") or event["current_step"] or event["type"]
    return f"{event['timestamp'][11:19]} {event['progress']:5.1f}% {what} {event['message']}".rstrip()
