"""From an agent's name to the process that is to run: a saved block first, else a preset."""

from __future__ import annotations

from spine.errors import NotConfiguredError
from spine.saved_agents import FindAgent, SavedAgent
from tasks.card_execution.agents.presets import PRESETS


def agent_named(name: str, saved: FindAgent) -> SavedAgent:
    """The agent's command and secrets; `NotConfiguredError` names those that there are."""
    if (agent := saved(name)) is not None:
        return agent
    if name in PRESETS:
        return SavedAgent(PRESETS[name])
    known = ", ".join(sorted(PRESETS))
    raise NotConfiguredError(
        f"There is no agent {name!r}: save an Agent Command block of this name, or use one of {known}.", what=name
    )
