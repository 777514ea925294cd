"""From an agent's name to the process that is to run: a saved block first, else a preset."""

from __future__ import annotations

from spine.credentials import Refresh
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


async def known_agent(name: str, saved: FindAgent, refresh: Refresh) -> SavedAgent:
    """Like `agent_named`; who has just saved the agent's block starts a card at once, so one that is not known yet is
    looked for anew."""
    try:
        return agent_named(name, saved)
    except NotConfiguredError:
        await refresh()
        return agent_named(name, saved)
