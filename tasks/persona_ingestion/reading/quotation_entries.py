"""Finds the text of a quotation, and whose it is, under the names that collections use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, Block, Trouble
from tasks.persona_ingestion.reading.person_names import person

TEXT_NAMES = ("text", "quote", "quotation", "content", "body", "citat")
_AUTHOR_NAMES = ("author", "attribution", "by", "autor", "authors", "autori")
_PERSON_NAMES = ("name", "fullname", "full_name", "nume", "author")
_SEVERAL = ("quotes", "quotations", "citate", "sayings", "aphorisms", "aforisme", "maxims", "maxime", "proverbs")
"""Names of a list of quotations inside an entry, which is then about their author."""


def quotations(
    entry: Any, *, line: int | None = None, part: str | None = None, author: str | None = None
) -> Iterator[Block | Trouble]:
    """The quotation that the entry is, or those of the list that it holds (`{"author": "A", "quotes": ["…", "…"]}`)."""
    fields = in_small_letters(cast("dict[Any, Any]", entry)) if isinstance(entry, dict) else {}
    several = next((fields[name] for name in _SEVERAL if isinstance(fields.get(name), list)), None)
    if not several or _first(fields, TEXT_NAMES):
        yield quotation(entry, line=line, part=part, author=author)
        return
    theirs = author_of(fields) or person(_first(fields, _PERSON_NAMES) or "") or author
    for number, one in enumerate(cast("list[Any]", several), start=1):
        named = f"quotation {number}"
        yield quotation(one, line=line, part=f"{part}, {named}" if part else named, author=theirs)


def quotation(
    entry: Any, *, line: int | None = None, part: str | None = None, author: str | None = None
) -> Block | Trouble:
    """A quotation, or what is wrong with the entry. `author` is whose it is where the entry names nobody."""
    if isinstance(entry, str):
        entry = {"text": entry}
    if not isinstance(entry, dict):
        return Trouble("is neither a text nor an object", line=line, part=part)
    fields = in_small_letters(cast("dict[Any, Any]", entry))
    text = _first(fields, TEXT_NAMES)
    if text is None:
        return Trouble(f"has no {either(TEXT_NAMES)} with a text in it", line=line, part=part)
    if len(text) > LONGEST_BLOCK:
        return Trouble(f"is longer than {LONGEST_BLOCK} characters", line=line, part=part)
    return Block(text, line=line, alone=True, author=author_of(fields) or author)


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> str | None:
    values = (fields.get(name) for name in names)
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), None)


def author_of(fields: dict[str, Any]) -> str | None:
    """Whom an object with these names, in small letters, tells as the author."""
    named = (_name_of(fields.get(name)) for name in _AUTHOR_NAMES)
    return next((name for name in named if name), None)


def _name_of(author: Any) -> str | None:
    """Of a text, of an object with a name, or of several of these in a list."""
    if isinstance(author, str):
        return author.strip() or None
    if isinstance(author, dict):
        return _first(in_small_letters(cast("dict[Any, Any]", author)), _PERSON_NAMES)
    if isinstance(author, list):
        named = (_name_of(one) for one in cast("list[Any]", author) if not isinstance(one, list))
        return ", ".join(name for name in named if name) or None
    return None


def either(names: tuple[str, ...]) -> str:
    return f"`{'`, `'.join(names[:-1])}` or `{names[-1]}`"


def in_small_letters(entry: dict[Any, Any]) -> dict[str, Any]:
    """The entry by names that do not depend on how a collection writes them."""
    return {str(name).lower(): value for name, value in entry.items()}
