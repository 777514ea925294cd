"""Which fields a person may fill in to run a review again from a stage, by the stage's own rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.pages.views import shown, words
from spine.contracts.books import ConsolidatedBook
from spine.contracts.submissions import Submission
from spine.settings import FALLBACK_ORDER
from spine.stage_overrides import STAGE_RULES

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


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. `name` is its path in the call's `overrides`; `now` is what stands there when nobody fills it in."""

    name: str
    title: str
    kind: Kind = "text"
    now: str = ""
    step: str = "any"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RerunForm:
    stage: str
    model: list[FormField] = field(default_factory=list[FormField])
    content: list[FormField] = field(default_factory=list[FormField])
    facts: list[FormField] = field(default_factory=list[FormField])


def rerun_form(stage: str, submission: Submission, book: ConsolidatedBook | None) -> RerunForm:
    """The form of the stage. Empty fields leave things as they are."""
    rule = STAGE_RULES[stage]
    return RerunForm(
        stage=stage,
        model=_model_fields() if rule.purpose else [],
        content=_content_fields(rule.input, words_too=rule.words, prompt_too=rule.purpose is not None, of=submission),
        facts=[_fact(name, book) for name in _PLAIN_FACTS] if "metadata" in rule.input else [],
    )


def _model_fields() -> list[FormField]:
    return [
        FormField("provider", "Provider", "choice", choices=(*FALLBACK_ORDER, "extractive")),
        FormField("model_id", "Model"),
        FormField("temperature", "Temperature", "number"),
    ]


def _content_fields(input: frozenset[str], *, words_too: bool, prompt_too: bool, of: Submission) -> list[FormField]:
    found: list[FormField] = []
    if words_too:
        found.append(FormField("min_words", "Words, at least", "number", str(of.request.min_words), "1"))
        found.append(FormField("max_words", "Words, at most", "number", str(of.request.max_words), "1"))
    if "links" in input:
        found.append(FormField("input.links", "Links, one per line", "lines", "\n".join(of.request.links)))
    if "context" in input:
        found.append(FormField("input.context", "Brief for the writer", "area"))
    if prompt_too:
        found.append(FormField("prompt", "Prompt, instead of the stored one", "area"))
    return found


def _fact(name: str, book: ConsolidatedBook | None) -> FormField:
    value = getattr(book.metadata, name) if book else None
    kind: Kind = "lines" if name in _LISTS else "area" if name == "description" else "text"
    if name == "pages":
        kind = "number"
    return FormField(f"input.metadata.{name}", words(name), kind, shown(value) if value is not None else "", "1")
