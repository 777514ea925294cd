"""Which fields a person may fill in to run a review again from a stage, by the stage's own rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from gateway.pages.views import shown, words
from spine.contracts.books import ConsolidatedBook
from spine.contracts.submissions import Submission
from spine.settings import FALLBACK_ORDER
from spine.stage_overrides import STAGE_RULES, StageRule

Kind = Literal["text", "number", "area", "lines", "choice"]
_LISTS: Final = frozenset({"authors"})
_PLAIN_FACTS: Final = (
    "title",
    "authors",
    "publisher",
    "publication_date",
    "pages",
    "language",
    "isbn_10",
    "isbn_13",
    "description",
    "cover_image_url",
)


FIELD_TITLES: Final = {
    "provider": "Provider",
    "model_id": "Model",
    "temperature": "Temperature",
    "min_words": "Words, at least",
    "max_words": "Words, at most",
    "input.links": "Links, one per line",
    "input.context": "Brief for the writer",
    "prompt": "Prompt, instead of the stored one",
}
"""By the name of the field; those of facts are the facts' own names."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. `name` is its path in the call's `overrides`; `now` is what stands there when nobody fills it in."""

    name: str
    kind: Kind = "text"
    now: str = ""
    step: str = "any"
    choices: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return FIELD_TITLES.get(self.name) or words(self.name.rpartition(".")[2])


@dataclass(frozen=True, slots=True)
class RerunForm:
    stage: str
    model: list[FormField] = field(default_factory=list[FormField])
    content: list[FormField] = field(default_factory=list[FormField])
    facts: list[FormField] = field(default_factory=list[FormField])


def rerun_form(stage: str, submission: Submission, book: ConsolidatedBook | None) -> RerunForm:
    """The form of the stage. Empty fields leave things as they are, which is as an earlier rerun changed them."""
    rule = STAGE_RULES[stage]
    changed = _changed(submission.overrides.get(stage, {}))
    return RerunForm(
        stage=stage,
        model=_model_fields(changed) if rule.purpose else [],
        content=_content_fields(rule, submission, changed),
        facts=[_fact(name, book, changed) for name in _PLAIN_FACTS] if "metadata" in rule.input else [],
    )


def _changed(overrides: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """What earlier reruns changed and is still in force, by the names of the form's fields."""
    found: dict[str, str] = {}
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            found |= _changed(cast("Mapping[str, Any]", value), f"{path}{name}.")
        else:
            found[f"{path}{name}"] = _as_typed(value)
    return found


def _as_typed(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(one) for one in cast("list[Any]", value))
    return "" if value is None else str(value)


def _model_fields(changed: Mapping[str, str]) -> list[FormField]:
    return [
        FormField("provider", "choice", changed.get("provider", ""), choices=(*FALLBACK_ORDER, "extractive")),
        FormField("model_id", now=changed.get("model_id", "")),
        FormField("temperature", "number", changed.get("temperature", "")),
    ]


def _content_fields(rule: StageRule, submission: Submission, changed: Mapping[str, str]) -> list[FormField]:
    asked, found = submission.request, list[FormField]()
    if rule.words:
        found.append(FormField("min_words", "number", changed.get("min_words") or str(asked.min_words), "1"))
        found.append(FormField("max_words", "number", changed.get("max_words") or str(asked.max_words), "1"))
    if "links" in rule.input:
        found.append(FormField("input.links", "lines", changed.get("input.links") or "\n".join(asked.links)))
    if "context" in rule.input:
        found.append(FormField("input.context", "area", changed.get("input.context", "")))
    if rule.purpose is not None:
        found.append(FormField("prompt", "area", changed.get("prompt", "")))
    return found


def _fact(name: str, book: ConsolidatedBook | None, changed: Mapping[str, str]) -> FormField:
    value = getattr(book.metadata, name) if book else None
    kind: Kind = "lines" if name in _LISTS else "area" if name == "description" else "text"
    if name == "pages":
        kind = "number"
    path = f"input.metadata.{name}"
    return FormField(path, kind, changed.get(path, shown(value) if value is not None else ""), "1")
