"""What a rerun may change of each stage, checked before anything is stored. Everything here is pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from stdnum import isbn

from spine.contracts.books import BookMetadata
from spine.contracts.pipelines import AiSettings, Prompt
from spine.contracts.submissions import SubmitRequest
from spine.contracts.texts import ResearchNote
from spine.errors import InvalidInputError
from spine.field_errors import FieldError, field_errors, refuse
from spine.pipeline_rules import provider_error
from spine.prompt_templates import check_template

_MODEL = frozenset({*AiSettings.model_fields, "model", "prompt", "prompt_version"})
_WORDS = frozenset({"min_words", "max_words"})
_METADATA = frozenset(BookMetadata.model_fields)


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

_PLACES = "links → additional_links_scrape; notes → internet_research; context → context_generation, article_generation"
_LONGEST_CONTEXT = 100_000
_LONGEST_PROMPT = 200_000
_MOST_NOTES = 200
_ISO_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_ANY_ADDRESS = "https://shop.example/"


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
        given["input"] = _checked_input(stage, rule, given["input"], errors)
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
    if isinstance(provider := settings.get("provider"), str) and (problem := provider_error(provider)):
        yield FieldError("provider", problem)
    model = settings.get("model_id")
    if isinstance(model, str) and not 0 < len(model.strip()) <= 200:
        yield FieldError("model_id", "must be the name of a model, 1 to 200 characters")
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
        SubmitRequest.model_validate({"amazon_url": _ANY_ADDRESS, **widest})
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


def _checked_input(stage: str, rule: StageRule, document: object, errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidInputError("`input` is an object: the parts of the stage's input document to replace.")
    parts = _with_metadata(cast("dict[str, Any]", document), rule)
    for name in sorted(set(parts) - rule.input):
        choice = ", ".join(sorted(rule.input))
        hint = f" ({_PLACES})" if name in ("links", "notes", "context") else ""
        errors.append(FieldError(f"input.{name}", f"{stage} takes {choice}{hint}"))
    checked = dict[str, Any]()
    for name in rule.input & set(parts):
        checked[name] = None if parts[name] is None else _CHECKS[name](parts[name], errors)
    return checked


def _with_metadata(document: dict[str, Any], rule: StageRule) -> dict[str, Any]:
    """Facts that stand in the document itself belong to its `metadata`."""
    loose = {name: value for name, value in document.items() if name in _METADATA}
    if "metadata" not in rule.input or not loose:
        return document
    rest = {name: value for name, value in document.items() if name not in _METADATA}
    inner = rest.get("metadata")
    return {**rest, "metadata": {**loose, **cast("dict[str, Any]", inner)} if isinstance(inner, dict) else loose}


def _checked_metadata(value: object, errors: list[FieldError]) -> object:
    if not isinstance(value, dict):
        errors.append(FieldError("input.metadata", "must be an object: the facts of the book to replace"))
        return None
    facts = cast("dict[str, Any]", value)
    if unknown := sorted(set(facts) - _METADATA):
        known = ", ".join(sorted(_METADATA))
        errors += [FieldError(f"input.metadata.{name}", f"is no fact of a book; there are {known}") for name in unknown]
    if "title" in facts and not str(facts["title"] or "").strip():
        errors.append(FieldError("input.metadata.title", "must not be empty"))
    if (published := facts.get("publication_date")) is not None and not _is_date(str(published)):
        errors.append(FieldError("input.metadata.publication_date", "must be a date: YYYY, YYYY-MM or YYYY-MM-DD"))
    for name, length in (("isbn_10", 10), ("isbn_13", 13)):
        if (number := facts.get(name)) is not None and not (len(str(number)) == length and isbn.is_valid(str(number))):
            errors.append(
                FieldError(f"input.metadata.{name}", f"must be a valid ISBN: {length} characters, no hyphens")
            )
    if cover := facts.get("cover_image_url"):
        errors += _link_errors([cover], "input.metadata.cover_image_url")
    try:
        checked = BookMetadata.model_validate({name: facts[name] for name in facts if name in _METADATA})
    except ValidationError as error:
        errors += field_errors(error, "input.metadata")
        return None
    return checked.model_dump(mode="json", include=set(facts))


def _is_date(text: str) -> bool:
    """Whether there is such a day, month or year."""
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(f"{text}-01-01"[:10])
    except ValueError:
        return False
    return True


def _checked_links(value: object, errors: list[FieldError]) -> object:
    found = _link_errors(value, "input.links")
    errors += found
    return None if found else [link.strip() for link in cast("list[str]", value) if link.strip()]


def _link_errors(value: object, field: str) -> list[FieldError]:
    """The rules that a submission has for its links."""
    try:
        SubmitRequest.model_validate({"amazon_url": _ANY_ADDRESS, "other_links": value})
    except ValidationError as error:
        return [FieldError(one.field.replace("other_links", field, 1), one.message) for one in field_errors(error)]
    return []


_NOTES = TypeAdapter(list[ResearchNote])


def _checked_notes(value: object, errors: list[FieldError]) -> object:
    try:
        notes = _NOTES.validate_python(value)
    except ValidationError as error:
        errors += field_errors(error, "input.notes")
        return None
    if len(notes) > _MOST_NOTES:
        errors.append(FieldError("input.notes", f"may have {_MOST_NOTES} entries"))
    return [note.model_dump(mode="json") for note in notes]


def _checked_context(value: object, errors: list[FieldError]) -> object:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST_CONTEXT:
        errors.append(FieldError("input.context", f"must be a text of 1 to {_LONGEST_CONTEXT:,} characters"))
        return None
    return value


_CHECKS = {
    "metadata": _checked_metadata,
    "links": _checked_links,
    "notes": _checked_notes,
    "context": _checked_context,
}


def _merged_input(before: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Part by part; the book's facts one by one, since `null` there says that a fact is unknown."""
    merged = {**before, **edits}
    if edits.get("metadata") is not None:
        merged["metadata"] = {**(before.get("metadata") or {}), **edits["metadata"]}
    return {name: value for name, value in merged.items() if value is not None}
