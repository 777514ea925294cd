"""Authors' names: one order, one spelling, and whether two of them are the same person."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.book_review.writing.text_units import fold, word_set

_ROLE = re.compile(r"\s*\((?:author|autor|autora|auteur|autrice|autore|автор|writer)\w*\)\s*$", re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)+")
_GENERATION = re.compile(r"^(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d|phd|md|dr|prof|esq)\.?$", re.IGNORECASE)
_PARTICLES = word_set("von van der den de la du del della di da dos le el bin ibn y of the zu")


def natural_order(name: str) -> str:
    """`Hesse, Hermann (Author)` → `Hermann Hesse`; a name that is in order already stays as it is."""
    clean = _ROLE.sub("", " ".join(name.split()))
    family, comma, given = clean.partition(",")
    given = given.strip()
    if not comma or not given or "," in given or _GENERATION.match(given):
        return clean
    return f"{given} {family.strip()}"


def is_badly_written(name: str) -> bool:
    """Whether a name is a slug (`hermann-hesse`) or all in one case (`hermann hesse`, `HERMANN HESSE`)."""
    letters = [char for char in name if char.isalpha() and char.lower() != char.upper()]
    one_case = len(letters) > 3 and (all(char.islower() for char in letters) or all(char.isupper() for char in letters))
    return bool(_SLUG.fullmatch(name)) or one_case


def title_cased(name: str) -> str:
    """`hermann-hesse` → `Hermann Hesse`, `ludwig van beethoven` → `Ludwig van Beethoven`."""
    parts = re.split(r"[-_\s]+", name) if _SLUG.fullmatch(name) else name.split()
    return " ".join(
        part.lower() if place and part.lower() in _PARTICLES else _capitalised(part) for place, part in enumerate(parts)
    )


def same_person(first: str, second: str) -> bool:
    """Whether two spellings can be one person: same words in any order, initials standing for given names."""
    shorter, longer = sorted((_parts(first), _parts(second)), key=len)
    if not shorter or not any(len(part) > 1 and part in longer for part in shorter):
        return False
    return _covered(shorter, longer)


def without_repeats(names: Sequence[str]) -> list[str]:
    """Each person once, in the order of first mention."""
    kept: list[str] = []
    for name in names:
        if name and not any(same_person(name, other) for other in kept):
            kept.append(name)
    return kept


def _parts(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[^\W\d_])\.", ". ", natural_order(name))
    parts = [fold(part) for part in re.findall(r"[^\W_]+(?:['’][^\W_]+)?", spaced)]
    return [part for part in parts if not _GENERATION.match(part)]


def _covered(shorter: list[str], longer: list[str]) -> bool:
    left = list(longer)
    for part in sorted(shorter, key=len, reverse=True):
        partner = next((other for other in left if part == other), None) or next(
            (other for other in left if _is_initial_of(part, other) or _is_initial_of(other, part)), None
        )
        if partner is None:
            return False
        left.remove(partner)
    return True


def _is_initial_of(initial: str, word: str) -> bool:
    return len(initial) == 1 and word.startswith(initial)


def _capitalised(part: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda word: word.group().capitalize(), part)
