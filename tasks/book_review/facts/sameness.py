"""Whether two sources say the same about a book in different words, field by field."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tasks.book_review.facts.author_names import same_person
from tasks.book_review.facts.languages import language_code
from tasks.book_review.facts.lexicon import guess_language, lexicon
from tasks.book_review.facts.quantities import scan
from tasks.book_review.writing.text_units import folded_words, same_text, word_set

_SUBTITLE = re.compile(r"\s*(?::|\(|\[|\. |, | [-–—] )")
_HOUSE_WORDS = word_set(
    "verlag publishing publishers publisher press books book editorial editions edition editura ediciones editore"
    " editora edizioni verlagsgruppe group inc ltd llc gmbh co company imprint the видавництво"
)
_ISO = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")


def same_value(field: str, first: Any, second: Any) -> bool:
    """Whether two values of a field are one statement. A less exact value is not contradicted by an exacter one."""
    compare = _COMPARE.get(field)
    return first == second or (compare is not None and compare(first, second))


def iso_date(value: str) -> str | None:
    """`May 2019`, `8. Mai 2019`, `2019` → ISO; None where the text is no date or can be read in two ways."""
    text = value.strip()
    if _ISO.fullmatch(text):
        return text
    days = [found.days for found in scan(text, lexicon(guess_language(text))) if found.days]
    if len(days) != 1 or len(days[0]) != 1:
        return None
    year, month, day = next(iter(days[0]))
    if year is None:
        return None
    return f"{year:04d}" + (f"-{month:02d}" if month else "") + (f"-{day:02d}" if month and day else "")


def clean_publisher(value: str) -> str:
    """The house alone: `Markt+Technik; Auflage: 2nd ed (7. Februar 2000)` → `Markt+Technik`."""
    house = re.split(r"\s*;", value)[0]
    return re.sub(r"\s*\([^()]*\d{4}[^()]*\)\s*$", "", house).strip() or value.strip()


def _same_title(first: str, second: str) -> bool:
    if same_text(first, second):
        return True
    mains = [_SUBTITLE.split(title, maxsplit=1) for title in (first, second)]
    one_is_bare = any(len(parts) == 1 or not folded_words(parts[1]) for parts in mains)
    return one_is_bare and bool(folded_words(mains[0][0])) and same_text(mains[0][0], mains[1][0])


def _same_authors(first: list[str], second: list[str]) -> bool:
    """One list may be shorter: a page that names the first author only does not deny the others."""
    shorter, longer = sorted((first, second), key=len)
    return all(any(same_person(name, other) for other in longer) for name in shorter)


def _same_language(first: str, second: str) -> bool:
    code = language_code(first)
    return same_text(first, second) or (code is not None and code == language_code(second))


def _same_date(first: str, second: str) -> bool:
    one, other = iso_date(first), iso_date(second)
    return bool(one and other) and (str(one).startswith(str(other)) or str(other).startswith(str(one)))


def _same_publisher(first: str, second: str) -> bool:
    one, other = (set(folded_words(clean_publisher(name))) for name in (first, second))
    bare_one, bare_other = one - _HOUSE_WORDS or one, other - _HOUSE_WORDS or other
    return bare_one <= bare_other or bare_other <= bare_one


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "title": _same_title,
    "authors": _same_authors,
    "language": _same_language,
    "publication_date": _same_date,
    "publisher": _same_publisher,
    "description": same_text,
    "asin": lambda first, second: first.upper() == second.upper(),
}
