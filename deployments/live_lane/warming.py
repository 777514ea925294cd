"""Loading at the start what the first messages would otherwise wait for, all at once and in the event loop."""

from __future__ import annotations

from importlib import import_module

_LOADED_ON_USE = (
    "flows.conversation",
    "tasks.conversation.work",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai",
    "openai.resources.chat.completions",
)


def load_the_agent() -> None:
    """Takes about a second; these modules are loaded on use elsewhere, because other processes do without them."""
    for module in _LOADED_ON_USE:
        import_module(module)
