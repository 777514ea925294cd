"""Reads an agent's lines as they come: its JSON events, or the markers that were declared for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from spine.agents_port import AgentCommand, OutputStream, ProgressReader, ProgressReading, ProgressSource
from spine.errors import InvalidInputError
from tasks.card_execution.agents.json_events import ADDS_UP, NOTHING, READINGS, Event, short


def reader_for(command: AgentCommand) -> ProgressReader | None:
    """A new reader for one attempt; None for an agent whose progress is only guessed from time."""
    match command.progress:
        case "json-lines":
            if command.events not in READINGS:
                known = ", ".join(name for name in READINGS if name)
                raise InvalidInputError(f"Nobody knows the events {command.events!r}; known are {known}.")
            return JsonLinesReader(READINGS[command.events], adds_up=command.events in ADDS_UP)
        case "markers":
            return MarkerReader(command.markers)
        case "elapsed":
            return None


class JsonLinesReader:
    """Reads events from stdout. A line that is no JSON object is only output."""

    source: ProgressSource = "events"

    def __init__(self, meaning: Callable[[Event], ProgressReading], *, adds_up: bool = False) -> None:
        self._meaning = meaning
        self._adds_up = adds_up
        self._total = NOTHING

    def read(self, stream: OutputStream, line: str) -> ProgressReading | None:
        event = _event(line) if stream == "stdout" else None
        if event is None:
            return None
        reading = self._meaning(event)
        if reading is NOTHING:
            return None
        return self._added(reading) if self._adds_up and reading.result is not None else reading

    def _added(self, reading: ProgressReading) -> ProgressReading:
        old = self._total
        self._total = replace(
            reading,
            input_tokens=_sum(old.input_tokens, reading.input_tokens),
            output_tokens=_sum(old.output_tokens, reading.output_tokens),
            cost_usd=_sum(old.cost_usd, reading.cost_usd),
        )
        return self._total


class MarkerReader:
    """Finds declared regular expressions in either stream; the first that matches counts."""

    source: ProgressSource = "markers"

    def __init__(self, markers: tuple[str, ...]) -> None:
        self._markers = [re.compile(marker) for marker in markers]

    def read(self, stream: OutputStream, line: str) -> ProgressReading | None:
        del stream
        found = next((match for marker in self._markers if (match := marker.search(line))), None)
        if found is None:
            return None
        said = found.groupdict()
        return ProgressReading(percent=_percent(said.get("percent")), step=short(said.get("step")))


def _event(line: str) -> Event | None:
    if not line.startswith("{"):
        return None
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("Event", value)


def _percent(text: str | None) -> float | None:
    try:
        return min(100.0, max(0.0, float((text or "").replace(",", "."))))
    except ValueError:
        return None


def _sum(old: Any, new: Any) -> Any:
    return new if old is None else old if new is None else old + new
