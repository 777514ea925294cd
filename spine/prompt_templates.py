"""What a prompt's template may ask for, by purpose, and how it is filled in with data."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spine.contracts.pipelines import Prompt
from spine.errors import InvalidInputError

_PLACEHOLDER = re.compile(r"\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}")

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
    """Raise `InvalidInputError` when the purpose is unknown or the template asks for what the purpose cannot give."""
    allowed = PLACEHOLDERS.get(prompt.purpose)
    if allowed is None:
        known = ", ".join(sorted(PLACEHOLDERS))
        raise InvalidInputError(f"There is no prompt purpose “{prompt.purpose}”. Known purposes: {known}.")
    unknown = sorted(placeholders_of(prompt.template) - allowed)
    if unknown:
        raise InvalidInputError(
            f"The prompt “{prompt.name or prompt.prompt_id}” uses the unknown placeholder "
            f"{', '.join('{' + name + '}' for name in unknown)}. "
            f"For {prompt.purpose} these can be used: {', '.join('{' + name + '}' for name in sorted(allowed))}."
        )


def render(prompt: Prompt, values: Mapping[str, str]) -> str:
    """The template with its values filled in, in one pass: braces inside a value stay as they are.

    Raises `InvalidInputError` for a placeholder that the purpose does not have, or that got no value.
    """
    check_template(prompt)
    missing = sorted(placeholders_of(prompt.template) - values.keys())
    if missing:
        raise InvalidInputError(
            f"No value was given for the placeholder {', '.join('{' + name + '}' for name in missing)}."
        )
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], prompt.template)
