"""What a rerun may change of each stage, checked before anything is stored. Everything here is pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from spine.contracts.pipelines import AiSettings, Prompt
from spine.contracts.submissions import SubmitRequest
from spine.document_values import plain_value
from spine.errors import InvalidInputError
from spine.field_errors import FieldError, field_errors, refuse
from spine.pipeline_rules import model_errors
from spine.prompt_templates import check_template
from spine.stage_inputs import ANY_ADDRESS, checked_input

_MODEL = frozenset({*AiSettings.model_fields, "model", "prompt", "prompt_version"})
_WORDS = frozenset({"min_words", "max_words"})


@dataclass(frozen=True, slots=True)
class StageRule:
    """The overrides of one stage: `input` has the parts of its input document, `purpose` that of its prompt."""

    input: frozenset[str] = frozenset()
    purpose: str | None = None
    words: bool = False

    @property
    def fields(self) -> frozenset[str]:
        own = frozenset({"input"}) if self.input else frozenset[str]()
        return own | (_MODEL if self.purpose else frozenset()) | (_WORDS if self.words else frozenset())


STAGE_RULES: Mapping[str, StageRule] = {
    "amazon_scrape": StageRule(frozenset({"metadata"})),
    "additional_links_scrape": StageRule(frozenset({"links"}), "book_review_link_bibliography_extract"),
    "summarize_additional_links": StageRule(purpose="book_review_link_summary"),
    "consolidate_book_data": StageRule(frozenset({"metadata"})),
    "internet_research": StageRule(frozenset({"metadata", "notes"}), "book_review_web_research"),
    "context_generation": StageRule(frozenset({"metadata", "context"}), "context"),
    "article_generation": StageRule(frozenset({"metadata", "context"}), "article", words=True),
    "publishing": StageRule(),
}
"""The stages in order. `metadata` replaces single facts of the book from that stage on, `context` the writer's brief
(at `context_generation` nobody is asked for one then), `links` and `notes` the whole list."""

_LONGEST_PROMPT = 200_000


def checked_overrides(stage: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides in the form in which they are stored; `null` takes an earlier override back.

    `model` is another name for `model_id`; facts of the book may stand in `input` itself or in `input.metadata`.
    Raises `InvalidInputError` that names every field that does not fit, or the stage.
    """
    rule = STAGE_RULES.get(stage)
    if rule is None:
        raise InvalidInputError(f"There is no stage {stage!r}; the stages are {', '.join(STAGE_RULES)}.")
    _refuse_unknown(stage, rule, overrides)
    given, errors = dict(overrides), list[FieldError]()
    _rename_model(given, errors)
    errors += _settings_errors(given)
    errors += _prompt_errors(given, rule)
    if given.get("input") is not None:
        given["input"] = checked_input(stage, rule.input, given["input"], errors)
    errors = errors or [*_unstorable(given)]
    refuse([FieldError(f"overrides.{error.field}", error.message) for error in errors])
    return given


def merged_overrides(before: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Earlier overrides with the new ones over them. What a new one makes meaningless goes with it: a prompt's text and
    its version exclude each other, and a model belongs to the provider it was chosen for."""
    kept = dict(before)
    if "prompt" in edits or "prompt_version" in edits:
        kept = {name: value for name, value in kept.items() if name not in ("prompt", "prompt_version")}
    if "provider" in edits:
        kept.pop("model_id", None)
    merged = {**kept, **edits}
    if edits.get("input") is not None:
        merged["input"] = _merged_input(kept.get("input") or {}, edits["input"])
    return {name: value for name, value in merged.items() if value is not None}


def check_words(request: SubmitRequest, overrides: Mapping[str, Any]) -> tuple[int, int]:
    """The word bounds of a rerun: those overridden, else those asked for. `InvalidInputError` when they cross."""
    bounds = {name: overrides.get(name) or getattr(request, name) for name in ("min_words", "max_words")}
    if bounds["max_words"] < bounds["min_words"]:
        given = next((name for name in ("max_words", "min_words") if name in overrides), "min_words")
        told = f"max_words ({bounds['max_words']}) is below min_words ({bounds['min_words']})"
        refuse([FieldError(f"overrides.{given}", told)])
    return bounds["min_words"], bounds["max_words"]


def addresses_in(overrides: Mapping[str, Any]) -> list[str]:
    """Every address that the overrides would have fetched."""
    document = overrides.get("input") or {}
    cover = (document.get("metadata") or {}).get("cover_image_url")
    return [*(document.get("links") or []), *([cover] if cover else [])]


def _refuse_unknown(stage: str, rule: StageRule, overrides: Mapping[str, Any]) -> None:
    unknown = sorted(set(overrides) - rule.fields)
    if not unknown:
        return
    if not rule.fields:
        raise InvalidInputError(f"Cannot override {', '.join(unknown)}: {stage} takes no overrides.", fields=[])
    choice = ", ".join(sorted(rule.fields))
    errors = [{"field": f"overrides.{name}", "message": f"{stage} takes {choice}"} for name in unknown]
    raise InvalidInputError(f"Cannot override {', '.join(unknown)}; {stage} takes {choice}.", fields=errors)


def _rename_model(given: dict[str, Any], errors: list[FieldError]) -> None:
    if "model" not in given:
        return
    model = given.pop("model")
    if given.get("model_id", model) != model:
        errors.append(FieldError("model", "is another name for model_id; give one of them"))
    given["model_id"] = model


def _settings_errors(given: Mapping[str, Any]) -> Iterator[FieldError]:
    settings = {name: given[name] for name in AiSettings.model_fields if name in given}
    try:
        AiSettings.model_validate(settings, strict=True)
    except ValidationError as error:
        yield from field_errors(error)
    named = {name: one for name in ("provider", "model_id") if isinstance(one := settings.get(name), str)}
    yield from model_errors(**named)
    bounds = {name: given[name] for name in _WORDS if given.get(name) is not None}
    for name, value in bounds.items():
        yield from _bound_errors(name, value)


def _bound_errors(name: str, value: object) -> Iterator[FieldError]:
    """The range that `SubmitRequest` has for this bound."""
    if not isinstance(value, int) or isinstance(value, bool):
        yield FieldError(name, "must be a whole number")
        return
    widest = {"min_words": 50, "max_words": 20_000, name: value}
    try:
        SubmitRequest.model_validate({"amazon_url": ANY_ADDRESS, **widest})
    except ValidationError as error:
        yield from (one for one in field_errors(error) if one.field == name)


def _prompt_errors(given: Mapping[str, Any], rule: StageRule) -> Iterator[FieldError]:
    text, version = given.get("prompt"), given.get("prompt_version")
    if text is not None and version is not None:
        yield FieldError("prompt_version", "give the text of a prompt or the version of one, not both")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        yield FieldError("prompt_version", "must be a whole number from 1")
    if text is None:
        return
    if not isinstance(text, str) or not 0 < len(text.strip()) <= _LONGEST_PROMPT:
        yield FieldError("prompt", f"must be a text of 1 to {_LONGEST_PROMPT:,} characters")
        return
    try:
        check_template(Prompt(prompt_id="prompt", purpose=rule.purpose or "", name="of this rerun", template=text))
    except InvalidInputError as error:
        yield FieldError("prompt", error.message)


def _unstorable(given: Mapping[str, Any]) -> Iterator[FieldError]:
    """What no store keeps. Found out when the edit is written, it would have left its job behind already."""
    for name, value in given.items():
        try:
            plain_value(value, name)
        except InvalidInputError as error:
            yield FieldError(name, error.message)


def _merged_input(before: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Part by part; the book's facts one by one, since `null` there says that a fact is unknown."""
    merged = {**before, **edits}
    if edits.get("metadata") is not None:
        merged["metadata"] = {**(before.get("metadata") or {}), **edits["metadata"]}
    return {name: value for name, value in merged.items() if value is not None}
