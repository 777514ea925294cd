"""Agents that an operator saved: how whoever runs a card gets at their command and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from spine.agents_port import AgentCommand


@dataclass(frozen=True, slots=True)
class SavedAgent:
    """A command whose placeholders are not filled yet, and the values that its output must not show."""

    command: AgentCommand
    secrets: Sequence[SecretStr] = ()


FindAgent = Callable[[str], SavedAgent | None]
"""By name, as it is now; None when nothing is saved under it."""


def no_saved_agents(name: str) -> SavedAgent | None:
    del name
    return None
