"""What a rerun may put into the input document of a stage: facts of the book, links, notes, the brief. All pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from stdnum import isbn

from spine.contracts.books import BookMetadata
from spine.contracts.submissions import SubmitRequest
from spine.contracts.texts import ResearchNote
from spine.errors import InvalidInputError
from spine.field_errors import FieldError, field_errors

ANY_ADDRESS = "https://shop.example/"
"""Stands for the product page where only another field of a request is to be checked."""

_METADATA = frozenset(BookMetadata.model_fields)
_PLACES = "links → additional_links_scrape; notes → internet_research; context → context_generation, article_generation"
_LONGEST_CONTEXT = 100_000
_MOST_NOTES = 200
_ISO_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


def checked_input(stage: str, taken: frozenset[str], document: object, errors: list[FieldError]) -> dict[str, Any]:
    """The parts of `document` in the form in which they are stored; `taken` are those that the stage has.

    What does not fit is added to `errors` under its field; `InvalidInputError` for what is no object at all.
    """
    if not isinstance(document, dict):
        raise InvalidInputError("`input` is an object: the parts of the stage's input document to replace.")
    parts = _with_metadata(cast("dict[str, Any]", document), taken)
    for name in sorted(set(parts) - taken):
        choice = ", ".join(sorted(taken))
        hint = f" ({_PLACES})" if name in ("links", "notes", "context") else ""
        errors.append(FieldError(f"input.{name}", f"{stage} takes {choice}{hint}"))
    checked = dict[str, Any]()
    for name in taken & set(parts):
        checked[name] = None if parts[name] is None else _CHECKS[name](parts[name], errors)
    return checked


def _with_metadata(document: dict[str, Any], taken: frozenset[str]) -> dict[str, Any]:
    """Facts that stand in the document itself belong to its `metadata`."""
    loose = {name: value for name, value in document.items() if name in _METADATA}
    if "metadata" not in taken or not loose:
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
        SubmitRequest.model_validate({"amazon_url": ANY_ADDRESS, "other_links": value})
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
