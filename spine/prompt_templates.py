"""What a prompt's template may ask for, by purpose, and how it is filled in with data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from spine.contracts.pipelines import Prompt
from spine.errors import InvalidInputError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACEHOLDER = re.compile(rf"\{{\s*({_NAME})\s*\}}")

# What `str.format` takes behind a name. A colon before a word or a blank is no format but an object: `{title: string}`.
_FORMAT = r":(?:[^\s{}]?[<>=^])?[+-]?#?\d*[,_]?(?:\.\d+)?[bcdeEfFgGnosxX%]?"
_FORMATTED = re.compile(rf"\{{\s*({_NAME})(?=[.\[!:])(?:\.\w+|\[[^\[\]{{}}]+\])*(?:!\w*)?(?:{_FORMAT})?\s*\}}")
_OPENED = re.compile(rf"\{{({_NAME})")
_BRACE = re.compile(r"[{}]")
_SHOWN = 60  # characters of what was written
_COMPARED = 100  # different ones; comparing takes time, and no prompt has so many

PLACEHOLDERS: dict[str, frozenset[str]] = {
    "book_review_link_bibliography_extract": frozenset({"title", "authors", "url", "page_title", "page_text"}),
    "book_review_link_summary": frozenset({"title", "authors", "url", "page_title", "page_text", "language"}),
    "book_review_web_research": frozenset({"title", "authors", "facts", "notes", "summaries", "language"}),
    "context": frozenset(
        {"title", "authors", "facts", "themes", "target_audience", "summaries", "passages", "language"}
    ),
    "article": frozenset(
        {
            "title",
            "authors",
            "facts",
            "context",
            "themes",
            "target_audience",
            "passages",
            "language",
            "min_words",
            "max_words",
        }
    ),
    "conversation_reply": frozenset(
        {"instructions", "persona", "user_name", "language", "summary", "passages", "order"}
    ),
    "conversation_confirmation": frozenset({"order", "message"}),
    "conversation_summary": frozenset({"summary", "transcript", "language"}),
    "conversation_followup": frozenset({"instructions", "reason", "summary", "transcript", "language"}),
    "graph_question_intent": frozenset({"question"}),
    "graph_question_preferences": frozenset({"figures", "history", "question", "language"}),
}
"""Purpose of a prompt → the placeholders that its template may use."""


def placeholders_of(template: str) -> frozenset[str]:
    """The names in `{braces}`. Other braces (JSON, sets) are plain text."""
    return frozenset(_PLACEHOLDER.findall(template))


def check_template(prompt: Prompt) -> None:
    """Raise `InvalidInputError` when the purpose is unknown, the template asks for what the purpose cannot give, or
    something in it was meant as a placeholder and would be sent to the model as it stands."""
    _check_names(prompt)
    allowed = PLACEHOLDERS[prompt.purpose]
    malformed = dict(_malformed(prompt.template, allowed))
    if malformed:
        raise InvalidInputError(
            f"The prompt “{_called(prompt)}” has what is no placeholder: "
            f"{', '.join(f'write {_braced([meant])} for {written}' for written, meant in malformed.items())}. "
            f"Nothing but a name stands between the braces. {_choice(prompt)}"
        )


def render(prompt: Prompt, values: Mapping[str, str]) -> str:
    """The template with its values filled in, in one pass: braces inside a value stay as they are.

    Raises `InvalidInputError` for a placeholder that the purpose does not have, or that got no value. What only looks
    like a placeholder stays as it is: a version that is stored goes on as it was.
    """
    _check_names(prompt)
    missing = placeholders_of(prompt.template) - values.keys()
    if missing:
        raise InvalidInputError(f"No value was given for the placeholder {_braced(missing)}.")
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], prompt.template)


def _check_names(prompt: Prompt) -> None:
    allowed = PLACEHOLDERS.get(prompt.purpose)
    if allowed is None:
        known = ", ".join(sorted(PLACEHOLDERS))
        raise InvalidInputError(f"There is no prompt purpose “{prompt.purpose}”. Known purposes: {known}.")
    unknown = placeholders_of(prompt.template) - allowed
    if unknown:
        raise InvalidInputError(
            f"The prompt “{_called(prompt)}” uses the unknown placeholder {_braced(unknown)}. {_choice(prompt)}"
        )


def _malformed(template: str, allowed: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What was meant as a placeholder, as it is written, and the name it is or is near to."""
    opened = (_OPENED.match(template, start) for start in _never_closed(template))
    looks = [*_FORMATTED.finditer(template), *filter(None, opened)]
    for written, name in list({look[0]: look[1] for look in looks}.items())[:_COMPARED]:
        if near := get_close_matches(name, allowed, n=1, cutoff=0.8):
            yield written[:_SHOWN], near[0]


def _never_closed(template: str) -> list[int]:
    """Where the braces stand that nothing closes."""
    waiting: list[int] = []
    for brace in _BRACE.finditer(template):
        if brace[0] == "{":
            waiting.append(brace.start())
        elif waiting:
            waiting.pop()
    return waiting


def _called(prompt: Prompt) -> str:
    return prompt.name or prompt.prompt_id


def _choice(prompt: Prompt) -> str:
    return f"For {prompt.purpose} these can be used: {_braced(PLACEHOLDERS[prompt.purpose])}."


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
