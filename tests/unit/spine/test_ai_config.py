"""How a step's model settings are resolved, and who is asked when its provider cannot answer."""

from __future__ import annotations

import pytest

from spine.ai_config import DEFAULT_MODELS, chain_note, explain, fallback_chain, resolve_step
from spine.contracts.pipelines import AiSettings, Credential, Prompt, ResolvedStep, StepConfig, StepType


def step(**settings: object) -> StepConfig:
    return StepConfig.model_validate({"id": "article", "type": StepType.LLM, **settings})


def prompt(**settings: object) -> Prompt:
    return Prompt.model_validate(
        {"prompt_id": "p-article", "purpose": "article", "version": 3, "template": "", **settings}
    )


def credential(**settings: object) -> Credential:
    return Credential.model_validate({"name": "house-key", **settings})


def test_a_setting_that_nobody_gives_is_the_system_default() -> None:
    resolved = resolve_step(step(), None, None)
    assert explain(resolved) == {
        "provider": {"value": "groq", "origin": "default"},
        "model_id": {"value": "llama-3.3-70b-versatile", "origin": "default"},
        "temperature": {"value": 0.7, "origin": "default"},
        "max_tokens": {"value": 2500, "origin": "default"},
        "timeout_seconds": {"value": 60.0, "origin": "default"},
        "prompt_id": None,
        "prompt_version": None,
        "credential": None,
    }


LEVELS = ["override", "step", "prompt", "credential", "default"]


@pytest.mark.parametrize("highest", range(len(LEVELS)), ids=LEVELS)
def test_the_highest_level_that_gives_a_value_wins(highest: int) -> None:
    """override over step over prompt over credential over default; 0 is a value, None is not."""
    given = [{"temperature": temperature} for temperature in (0.0, 0.2, 0.3, 0.4)]
    override, of_step, of_prompt, of_credential = [{}] * highest + given[highest:]
    resolved = resolve_step(
        step(**of_step), prompt(**of_prompt), credential(**of_credential), AiSettings.model_validate(override)
    )
    assert resolved.temperature.origin == LEVELS[highest]
    assert resolved.temperature.value == [0.0, 0.2, 0.3, 0.4, 0.7][highest]


def test_each_setting_is_resolved_by_itself() -> None:
    resolved = resolve_step(
        step(provider="openai"), prompt(max_tokens=900), credential(timeout_seconds=12), AiSettings(temperature=0.1)
    )
    origins = {name: value["origin"] for name, value in explain(resolved).items() if isinstance(value, dict)}
    assert origins == {
        "provider": "step",
        "model_id": "default",
        "temperature": "override",
        "max_tokens": "prompt",
        "timeout_seconds": "credential",
    }


GROQ, OPENAI, MISTRAL = ({"provider": name} for name in ("groq", "openai", "mistral"))

# override, step, prompt, credential → provider, model_id and the level that gave the model
MODEL_RULES = {
    "a model goes with the provider of its own level": (
        {},
        {**OPENAI, "model_id": "gpt-4o"},
        {},
        {},
        ("openai", "gpt-4o", "step"),
    ),
    "a level that names only a model keeps the provider below it": (
        {"model_id": "gpt-4o-mini"},
        {**OPENAI, "model_id": "gpt-4"},
        {},
        {},
        ("openai", "gpt-4o-mini", "override"),
    ),
    "an override of the provider leaves the step's model behind": (
        MISTRAL,
        {**GROQ, "model_id": "llama-3.3-70b-versatile"},
        {},
        {},
        ("mistral", "mistral-large-latest", "default"),
    ),
    "a lower level that is for the resolved provider is found": (
        MISTRAL,
        {**GROQ, "model_id": "llama-3.3-70b-versatile"},
        {**MISTRAL, "model_id": "mistral-small-latest"},
        {},
        ("mistral", "mistral-small-latest", "prompt"),
    ),
    "a model without a provider belongs to the next provider below": (
        {},
        OPENAI,
        {"model_id": "open-mixtral"},
        MISTRAL,
        ("openai", "gpt-4", "default"),
    ),
    "a model that is bound to no provider goes with any": (
        {},
        OPENAI,
        {"model_id": "gpt-4o"},
        {},
        ("openai", "gpt-4o", "prompt"),
    ),
    "a credential alone decides both": (
        {},
        {},
        {},
        {**MISTRAL, "model_id": "mistral-small-latest"},
        ("mistral", "mistral-small-latest", "credential"),
    ),
}


@pytest.mark.parametrize(
    ("override", "of_step", "of_prompt", "of_credential", "expected"), MODEL_RULES.values(), ids=MODEL_RULES
)
def test_a_model_is_never_combined_with_a_provider_it_was_not_chosen_for(
    override: dict[str, str],
    of_step: dict[str, str],
    of_prompt: dict[str, str],
    of_credential: dict[str, str],
    expected: tuple[str, str, str],
) -> None:
    resolved = resolve_step(
        step(**of_step), prompt(**of_prompt), credential(**of_credential), AiSettings.model_validate(override)
    )
    assert (resolved.provider.value, resolved.model_id.value, resolved.model_id.origin) == expected


@pytest.mark.parametrize(
    ("belongs_to", "kept"), [("openai", "house-key"), (None, "house-key"), ("groq", None)], ids=["same", "any", "other"]
)
def test_a_credential_of_another_provider_is_not_used(belongs_to: str | None, kept: str | None) -> None:
    assert resolve_step(step(provider="openai"), None, credential(provider=belongs_to)).credential == kept


def test_the_prompt_that_was_used_is_on_record() -> None:
    resolved = resolve_step(step(), prompt(), None)
    assert (resolved.prompt_id, resolved.prompt_version) == ("p-article", 3)


def openai_step(**settings: object) -> ResolvedStep:
    return resolve_step(step(provider="openai", model_id="gpt-4", **settings), None, None)


CHAINS = {
    "the step's own provider comes first": (
        ["groq", "openai", "mistral", "claude"],
        True,
        ["openai", "groq", "mistral", "claude", "extractive"],
    ),
    "others keep the fixed order": (
        ["claude", "mistral", "groq", "openai"],
        True,
        ["openai", "groq", "mistral", "claude", "extractive"],
    ),
    "without its key it is left out": (["groq", "mistral"], True, ["groq", "mistral", "extractive"]),
    "without any key only extractive is left": ([], True, ["extractive"]),
    "extractive can be forbidden": (["groq"], False, ["groq"]),
    "then nobody may be left": ([], False, []),
}


@pytest.mark.parametrize(("available", "allow_extractive", "expected"), CHAINS.values(), ids=CHAINS)
def test_the_chain_is_own_provider_then_every_other_with_a_key_then_extractive(
    available: list[str], allow_extractive: bool, expected: list[str]
) -> None:
    chain = fallback_chain(openai_step(), available, allow_extractive)
    assert [choice.provider for choice in chain] == expected


def test_a_fallback_brings_its_own_model_and_keeps_the_steps_limits() -> None:
    resolved = openai_step(temperature=0.2, max_tokens=700, timeout_seconds=15)
    own, other, extractive = fallback_chain(resolved, ["openai", "mistral"], allow_extractive=True)
    assert (own.model_id, other.model_id, extractive.model_id) == ("gpt-4", DEFAULT_MODELS["mistral"], "extractive")
    assert (other.temperature, other.max_tokens, other.timeout_seconds) == (0.2, 700, 15)


def test_a_saved_credential_counts_as_a_key_and_stays_with_its_provider() -> None:
    resolved = resolve_step(step(provider="openai"), None, credential(provider="openai"))
    chain = fallback_chain(resolved, ["groq"], allow_extractive=False)
    assert [(choice.provider, choice.credential) for choice in chain] == [("openai", "house-key"), ("groq", None)]


def test_a_step_that_names_extractive_asks_no_model() -> None:
    resolved = resolve_step(step(provider="extractive"), None, None)
    chain = fallback_chain(resolved, ["groq"], allow_extractive=False)
    assert [choice.provider for choice in chain] == ["extractive"]


NOTES = {
    "its own provider answered": ("openai", None, None),
    "no key": ("groq", None, "openai has no key, groq answered"),
    "it failed": ("groq", "openai failed (x), groq answered", "openai failed (x), groq answered"),
    "no key, and the next failed": (
        "mistral",
        "groq failed (x), mistral answered",
        "openai has no key, groq failed (x), mistral answered",
    ),
}


@pytest.mark.parametrize(("answered_by", "chain_reason", "expected"), NOTES.values(), ids=NOTES)
def test_the_record_says_why_a_fallback_answered(
    answered_by: str, chain_reason: str | None, expected: str | None
) -> None:
    assert chain_note(openai_step(), answered_by, chain_reason) == expected
