"""How far an agent is: what it says itself, else what the clock lets one guess, and always which of the two it is."""

from __future__ import annotations

from dataclasses import fields, replace

from spine.agents_port import AgentProgress, OutputStream, ProgressReader, ProgressReading

NOT_YET = 99.0
"""An agent that says 100 % while it still runs is not believed."""
MOST_GUESSED = 90.0
DEFAULT_SECONDS = 600.0
"""How long a card is taken to need while nobody knows better."""


def guessed_percent(elapsed: float, expected: float | None) -> float:
    """A guess from time alone: half of 90 % at half the expected time, and slower and slower, never beyond 90 %."""
    share = elapsed / max(expected or DEFAULT_SECONDS, 1.0)
    return MOST_GUESSED * share / (0.5 + share)


class ProgressTracker:
    """The progress of one attempt; it never falls."""

    def __init__(self, reader: ProgressReader | None, expected_seconds: float | None) -> None:
        self._reader = reader
        self._expected = expected_seconds
        self._percent = 0.0
        self._step = "working"
        self._is_told = False
        self.seen = ProgressReading()
        """Everything that the lines have said so far, the latest word counting."""

    @property
    def pause(self) -> float:
        """Seconds until the next guess is worth making: some fifty of them in all. 0: the agent tells by itself."""
        return 0.0 if self._is_told else min(10.0, max(1.0, (self._expected or DEFAULT_SECONDS) / 50))

    def line(self, stream: OutputStream, text: str, elapsed: float) -> AgentProgress | None:
        """What this line changes; None when it says nothing new."""
        reading = self._reader.read(stream, text) if self._reader else None
        if self._reader is None or reading is None:
            return None
        self.seen = _merged(self.seen, reading)
        before = (self._percent, self._step)
        self._step = reading.step or self._step
        if reading.percent is not None:
            self._is_told = True
            self._percent = max(self._percent, min(reading.percent, NOT_YET))
        if (self._percent, self._step) == before:
            return None
        return AgentProgress(self._percent, self._step, self._reader.source) if self._is_told else self._guess(elapsed)

    def elapsed(self, seconds: float) -> AgentProgress | None:
        """The guess after that time; None once the agent has told a percentage itself."""
        return None if self._is_told else self._guess(seconds)

    def _guess(self, seconds: float) -> AgentProgress:
        self._percent = max(self._percent, guessed_percent(seconds, self._expected))
        return AgentProgress(round(self._percent, 1), self._step, "estimate")


def _merged(old: ProgressReading, new: ProgressReading) -> ProgressReading:
    said = {one.name: value for one in fields(new) if (value := getattr(new, one.name)) not in (None, "")}
    return replace(old, **said)
