"""Which model answers a step: every setting resolved with its origin, and the chain of providers to fall back on.

A setting comes from the first level that gives it: override, step, prompt, credential, default.

A `model_id` belongs to the provider that its own level names, else to the provider of the nearest lower level
that names one. Where that is another provider than the resolved one, the `model_id` is left out and the next
level is asked, so `override {provider: mistral}` over `step {groq, llama-3.3}` asks Mistral's own default model.
A `model_id` with no provider at or below its level is bound to none and counts for whichever is resolved.

Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spine.contracts.pipelines import AiSettings, Credential, Prompt, Resolved, ResolvedStep, StepConfig
from spine.ports import ModelChoice
from spine.settings import FALLBACK_ORDER

DEFAULT_PROVIDER = "groq"
DEFAULT_TEMPERATURE = 0.7
DEFAULT_MAX_TOKENS = 2500
DEFAULT_TIMEOUT_SECONDS = 60.0

EXTRACTIVE = "extractive"
"""The provider that needs neither key nor network, and the model id it goes by."""

OPENAI_COMPATIBLE = "openai-compatible"

DEFAULT_MODELS = {
    "groq": "llama-3.3-70b-versatile",
    "openai": "gpt-4",
    "mistral": "mistral-large-latest",
    "claude": "claude-sonnet-4-6",
    OPENAI_COMPATIBLE: "default",
    EXTRACTIVE: EXTRACTIVE,
}

Level = tuple[str, AiSettings]

_SHOWN = ("provider", "model_id", "temperature", "max_tokens", "timeout_seconds")


def resolve_step(
    step: StepConfig,
    prompt: Prompt | None,
    credential: Credential | None,
    overrides: AiSettings | None = None,
) -> ResolvedStep:
    """Every model setting of `step` with the level that gave it; `timeout_seconds` in seconds per model call.

    The credential's name is kept only while the resolved provider is the credential's own.
    """
    levels = _levels(overrides, step, prompt, credential)
    provider = _first(levels, "provider", DEFAULT_PROVIDER)
    return ResolvedStep(
        step_id=step.id,
        provider=provider,
        model_id=_model_id(levels, provider.value),
        temperature=_first(levels, "temperature", DEFAULT_TEMPERATURE),
        max_tokens=_first(levels, "max_tokens", DEFAULT_MAX_TOKENS),
        timeout_seconds=_first(levels, "timeout_seconds", DEFAULT_TIMEOUT_SECONDS),
        prompt_id=prompt.prompt_id if prompt else None,
        prompt_version=prompt.version if prompt else None,
        credential=credential.name if credential and credential.provider in (None, provider.value) else None,
    )


def fallback_chain(resolved: ResolvedStep, available: Sequence[str], allow_extractive: bool) -> list[ModelChoice]:
    """Who is asked, in order: the step's provider, the other providers of `available`, then `extractive`.

    A step's provider without a key is left out (`chain_note` says so). The others bring their own default model and
    keep the step's temperature, token and time limits. A step that names `extractive` itself asks nobody else.
    """
    own = str(resolved.provider.value)
    if own == EXTRACTIVE:
        return [_extractive(resolved)]
    chain = [_own_choice(resolved)] if _has_key(resolved, available) else []
    chain += [_fallback(resolved, name) for name in FALLBACK_ORDER if name in available and name != own]
    return [*chain, _extractive(resolved)] if allow_extractive else chain


def chain_note(resolved: ResolvedStep, answered_by: str, chain_reason: str | None = None) -> str | None:
    """Why another provider than the step's own answered, in one line for the record; None when its own did.

    `chain_reason` is `ModelReply.fallback_reason`: what failed inside the chain. A provider that was left out of the
    chain for want of a key is not in there, so it is named here: "openai has no key, groq answered".
    """
    own = str(resolved.provider.value)
    if answered_by == own:
        return None
    if chain_reason is None:
        return f"{own} has no key, {answered_by} answered"
    return chain_reason if chain_reason.startswith(f"{own} ") else f"{own} has no key, {chain_reason}"


def explain(resolved: ResolvedStep) -> dict[str, Any]:
    """`{setting: {value, origin}}` and the step's prompt and credential, for `GET /pipelines/{slug}?resolve=true`."""
    values = resolved.model_dump()
    return {name: values[name] for name in _SHOWN} | {
        "prompt_id": resolved.prompt_id,
        "prompt_version": resolved.prompt_version,
        "credential": resolved.credential,
    }


def _levels(
    overrides: AiSettings | None, step: StepConfig, prompt: Prompt | None, credential: Credential | None
) -> list[Level]:
    named = (("override", overrides), ("step", step), ("prompt", prompt), ("credential", credential))
    return [(origin, level) for origin, level in named if level is not None]


def _first(levels: Sequence[Level], setting: str, default: Any) -> Resolved:
    for origin, level in levels:
        if (value := getattr(level, setting)) is not None:
            return Resolved(value=value, origin=origin)
    return Resolved(value=default, origin="default")


def _model_id(levels: Sequence[Level], provider: str) -> Resolved:
    for place, (origin, level) in enumerate(levels):
        if level.model_id is not None and _owner(levels[place:]) in (None, provider):
            return Resolved(value=level.model_id, origin=origin)
    return Resolved(value=DEFAULT_MODELS.get(provider, "default"), origin="default")


def _owner(levels: Sequence[Level]) -> str | None:
    """The provider a model id of the first of these levels was chosen for."""
    return next((level.provider for _, level in levels if level.provider is not None), None)


def _has_key(resolved: ResolvedStep, available: Sequence[str]) -> bool:
    """A named credential counts as a key; an OpenAI-compatible address is configured under OpenAI's names."""
    own = str(resolved.provider.value)
    configured_as = "openai" if own == OPENAI_COMPATIBLE else own
    return resolved.credential is not None or own in available or configured_as in available


def _own_choice(resolved: ResolvedStep) -> ModelChoice:
    return _choice(resolved, str(resolved.provider.value), str(resolved.model_id.value), resolved.credential)


def _fallback(resolved: ResolvedStep, provider: str) -> ModelChoice:
    return _choice(resolved, provider, DEFAULT_MODELS[provider])


def _extractive(resolved: ResolvedStep) -> ModelChoice:
    return _choice(resolved, EXTRACTIVE, DEFAULT_MODELS[EXTRACTIVE])


def _choice(resolved: ResolvedStep, provider: str, model_id: str, credential: str | None = None) -> ModelChoice:
    return ModelChoice(
        provider=provider,
        model_id=model_id,
        temperature=float(resolved.temperature.value),
        max_tokens=int(resolved.max_tokens.value),
        timeout_seconds=float(resolved.timeout_seconds.value),
        credential=credential,
    )
