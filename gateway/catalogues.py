"""Brings the catalogues up to date with what the dashboard says: `python -m gateway.catalogues`.

New messages are added without a translation, those that are said no more go; a test holds every catalogue complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from gateway.health import DEPENDENCIES
from gateway.pages.navigation import GROUPS
from gateway.pages.rerun_form import FIELD_TITLES
from gateway.pages.script_texts import NAMES, SCRIPT_TEXTS
from gateway.pages.settings_page import ROLES
from gateway.pages.shown_names import SHOWN_NAMES
from gateway.pages.usage_page import TITLES
from gateway.pages.views import words

ORIGINS = ("step", "prompt", "credential", "default", "override")
"""Where a resolved setting comes from (`spine.contracts.pipelines.Resolved`)."""

_HERE = Path(__file__).parent
_MAPPING = [("pages/**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_HEADER = (
    'msgid ""\nmsgstr ""\n"Language: {code}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: {plural}\\n"\n\n'
)
_OPTIONS = {"templates/**.html": {"trimmed": "true"}}


def said() -> Catalog:
    """Every message of templates, scripts and names, in the order of the alphabet, without translations."""
    catalogue = Catalog()
    for message in sorted(_messages(), key=str):
        catalogue.add(message)
    return catalogue


def _messages() -> Iterator[str | tuple[str, str]]:
    found: Any = extract_from_dir(_HERE, _MAPPING, _OPTIONS, keywords={"_": None, "gettext": None, "ngettext": (1, 2)})
    for _, _, message, _, _ in found:
        yield message
    for group in GROUPS:
        yield group.title
        yield from (place.title for place in group.places)
    yield from SCRIPT_TEXTS.values()
    yield from NAMES
    yield from SHOWN_NAMES
    yield from (words(name) for name in DEPENDENCIES)
    yield from TITLES
    yield from FIELD_TITLES.values()
    yield from ROLES
    yield from ORIGINS


def update(path: Path) -> int:
    """Rewrite one catalogue; how many of its messages have no translation now."""
    with path.open("rb") as file:
        kept = read_po(file, locale=path.stem)
    fresh = Catalog(locale=path.stem, fuzzy=False)
    for message in cast(Any, said()):
        if not message.id:
            continue
        known = kept.get(message.id if isinstance(message.id, str) else message.id[0])
        fresh.add(message.id, known.string if known else "")
    with path.open("wb") as file:
        file.write(_HEADER.format(code=path.stem, plural=fresh.plural_forms).encode())
        write_po(file, fresh, width=0, omit_header=True, sort_output=True, no_location=True)
    return sum(1 for message in cast(Any, fresh) if message.id and not _is_translated(message.string))


def _is_translated(text: str | tuple[str, ...]) -> bool:
    return bool(text) if isinstance(text, str) else all(text)


if __name__ == "__main__":
    for catalogue in sorted((_HERE / "locale").glob("*.po")):
        print(f"{catalogue.name}: {update(catalogue)} without a translation")
