"""From an agent's name to the process that is to run: a saved block first, else a preset."""

from __future__ import annotations

import os

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
    raise NotConfiguredError(f"There is no agent {name!r}: {_how_to_save()}, or use one of {known}.", what=name)


async def known_agent(name: str, saved: FindAgent, refresh: Refresh) -> SavedAgent:
    """Like `agent_named`; who has just saved the agent's block starts a card at once, so one that is not known yet is
    looked for anew."""
    try:
        return agent_named(name, saved)
    except NotConfiguredError:
        await refresh()
        return agent_named(name, saved)


def _how_to_save() -> str:
    """Without a stack nobody reads saved blocks (see `blocks.credentials`): who has saved this one must hear why."""
    if os.environ.get("PREFECT_API_URL"):
        return "save an Agent Command block of this name"
    return (
        "saved Agent Command blocks count only where PREFECT_API_URL names the stack's Prefect server. "
        'Start it (`millrace up`), run `eval "$(millrace env)"` and save the block there'
    )
