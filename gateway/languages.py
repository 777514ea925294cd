"""The languages of the dashboard: one catalogue a language, chosen by the reader or by the browser's wish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import HTTPConnection

COOKIE: Final = "millrace_language"
DEFAULT: Final = "en"
_FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Language:
    """One catalogue, as `gateway/locale/<code>.po` gives it. The messages of English are their own keys.

    Lives as long as the process; a changed file counts after a restart.
    """

    code: str
    locale: Locale
    translations: GNUTranslations = field(repr=False)

    @property
    def name(self) -> str:
        """What its speakers call it."""
        return (self.locale.get_language_name(self.code) or self.code).capitalize()

    def gettext(self, message: str) -> str:
        """The message in this language; itself where the catalogue has none."""
        return self.translations.gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The form that goes with the number."""
        return self.translations.ngettext(one, many, number)


@lru_cache(maxsize=1)
def languages() -> Mapping[str, Language]:
    """Every language that has a catalogue, English first."""
    codes = sorted(path.stem for path in _FOLDER.glob("*.po"))
    return {code: _read(code) for code in (DEFAULT, *(code for code in codes if code != DEFAULT))}


def chosen_language(connection: HTTPConnection) -> Language:
    """The language that the reader chose, else the first that the browser asks for, else English."""
    known = languages()
    chosen = connection.cookies.get(COOKIE, "")
    if chosen in known:
        return known[chosen]
    wished = _wishes(connection.headers.get("accept-language", ""))
    code = negotiate_locale(wished, list(known), sep="-") or negotiate_locale(
        [wish[:2] for wish in wished], list(known)
    )
    return known.get(code or DEFAULT, known[DEFAULT])


def _wishes(header: str) -> list[str]:
    """The tags of `Accept-Language`, the dearest first; what is no weight counts as one."""
    weighed: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        tag, _, weight = part.strip().partition(";")
        if tag:
            weighed.append((_weight(weight), tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda wish: -wish[0])]


def _weight(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q="))
    except ValueError:
        return 1.0


def _read(code: str) -> Language:
    compiled = BytesIO()
    with (_FOLDER / f"{code}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code, abort_invalid=True))
    compiled.seek(0)
    return Language(code, Locale.parse(code, sep="-"), GNUTranslations(compiled))
