"""What the stack's commands show: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deployments.stack.doctor import Finding, Verdict
from deployments.stack.state import PartState, StackState

_COLOURS = {
    "healthy": "green",
    "done": "green",
    "skipped": "dim",
    "starting": "yellow",
    "waiting": "dim",
    "draining": "yellow",
    "stopping": "yellow",
    "stopped": "dim",
    "failed": "bold red",
    "gone": "red",
    "unhealthy": "red",
    "restarting": "red",
}


_WIDE = 160


def _console() -> Console:
    """As wide as the terminal; wide enough for whole lines where the output goes into a file or a pipe."""
    console = Console(soft_wrap=True)
    return console if console.is_terminal else Console(soft_wrap=True, width=_WIDE)


class Display:
    """Shows parts while they start or stop. Use as a context manager; what was shown last stays on the terminal.

    What is `known` already is not said again.
    """

    def __init__(self, title: str, *, live: bool = True, known: StackState | None = None) -> None:
        self._title = title
        self._console = _console()
        self._live = Live(console=self._console, refresh_per_second=8) if live and self._console.is_terminal else None
        self._said = {part.name: part.state for part in known.parts} if known else {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, state: StackState) -> None:
        """The parts as they are now."""
        if self._live:
            self._live.update(_table(f"millrace: {self._title}", state.parts))
            return
        for part in state.parts:
            if part.state != "waiting" and self._said.get(part.name) != part.state:
                self._said[part.name] = part.state
                reason = f" ({part.last_error})" if part.last_error and part.state != "starting" else ""
                print(f"{part.name}: {part.state}{reason}", flush=True)

    def progress(self, percent: float, step: str) -> None:
        """How far a job is."""
        line = f"{self._title}: {percent:3.0f} % {step}"
        if self._live:
            self._live.update(Text(line))
        elif self._said.get(self._title) != step:
            self._said[self._title] = step
            print(line, flush=True)


@dataclass(frozen=True, slots=True)
class Links:
    """Where a user finds things; None where there is nothing."""

    dashboard: str | None
    login: str | None
    prefect: str | None
    article: str | None
    title: str | None
    home: str


def print_links(links: Links) -> None:
    rows = (
        ("Article", f"{links.title}: {links.article}" if links.article else None),
        ("Dashboard", links.dashboard),
        ("Log in", links.login),
        ("Prefect UI", f"{links.prefect} (it asks for PREFECT_API_AUTH_STRING of `millrace env`)"),
        ("State", links.home),
    )
    for name, value in rows:
        if value:
            print(f"{name + ':':<12}{value}")


def print_status(found: dict[str, Any]) -> None:
    console = _console()
    console.print(f"The stack in {found['home']} is [bold]{found['state']}[/bold].")
    if found["error"]:
        console.print(Text(found["error"], style="red"))
    if found["parts"]:
        console.print(_status_table((*found["parts"], *found["lanes"])))
    if found["queues"]:
        console.print("Queues: " + ", ".join(f"{name} {depth}" for name, depth in sorted(found["queues"].items())))
    if found["login_url"]:
        print(f"Log in: {found['login_url']}")


def print_findings(findings: Sequence[Finding]) -> None:
    console = _console()
    colours = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}
    for finding in findings:
        line = Text.assemble(
            (f"{finding.verdict.value:<5}", colours[finding.verdict]), f"{finding.name}: {finding.found}"
        )
        console.print(line)
        if finding.mend:
            console.print(f"     → {finding.mend}", highlight=False, markup=False)


def _table(title: str, parts: Sequence[PartState]) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False)
    for part in parts:
        reason = part.last_error if part.last_error and part.state != "starting" else part.note
        table.add_row(part.name, Text(part.state, style=_COLOURS.get(part.state, "")), Text(reason, style="dim"))
    return table


def _status_table(parts: Sequence[dict[str, Any]]) -> Table:
    table = Table("part", "state", "pid", "port", "restarts", "about", box=None, header_style="dim")
    for part in parts:
        table.add_row(
            part["name"],
            Text(part["state"], style=_COLOURS.get(part["state"], "")),
            str(part["pid"] or ""),
            str(part["port"] or ""),
            str(part["restarts"]),
            Text(part["last_error"] or part["note"] or "", style="dim"),
        )
    return table
