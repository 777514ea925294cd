"""Templates with everything that comes from data escaped, in the reader's language."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.numbers import format_decimal
from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from gateway.dependencies import caller_of
from gateway.identity import Role
from gateway.languages import Language, chosen_language, languages
from gateway.pages.article_html import article_html
from gateway.pages.navigation import shown_to
from gateway.pages.script_texts import NAMES, SCRIPT_TEXTS
from gateway.pages.views import duration, moment, segment, tone, took, words
from gateway.paths import is_shown, target_of
from gateway.problems import Problem

_TEMPLATES = Path(__file__).parent.parent / "templates"
STATIC = Path(__file__).parent.parent / "static"


@lru_cache(maxsize=16)
def _environment(code: str) -> Environment:
    """The templates of one language; `words` gives names of statuses and stages in it."""
    language = languages()[code]
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - of the extension
    made.policies["ext.i18n.trimmed"] = True
    made.filters.update(_filters(language))  # pyright: ignore[reportCallIssue, reportArgumentType] - typed as Jinja's own filters only
    return made


def _filters(language: Language) -> dict[str, Any]:
    def name(value: object) -> str:
        plain = words(str(value))
        return language.gettext(plain) if plain else ""  # the translation of nothing is the catalogue's header

    def heading(value: object) -> str:
        text = name(value)
        return text[:1].upper() + text[1:]

    def took_text(seconds: float | None) -> str:
        return duration(seconds, language)

    def number(value: float) -> str:
        return format_decimal(value, locale=language.locale)

    def money(value: float | None) -> str:
        return _money(value, language)

    return {
        "tone": tone,
        "words": name,
        "heading": heading,
        "duration": took_text,
        "moment": moment,
        "took": took,
        "article": article_html,
        "segment": segment,
        "number": number,
        "money": money,
    }


def _money(value: float | None, language: Language) -> str:
    """US dollars, small sums with four places; a dash for a price that is not known."""
    if value is None:
        return "–"
    pattern = "#,##0.00" if value >= 1 or value == 0 else "0.0000"
    return f"${format_decimal(value, format=pattern, locale=language.locale)}"


@lru_cache(maxsize=16)
def _script_texts(code: str) -> dict[str, Any]:
    gettext = languages()[code].gettext
    said = {key: gettext(text) for key, text in SCRIPT_TEXTS.items()}
    return {**said, "names": {name: gettext(name) for name in NAMES}}


def page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """The template as a response in the reader's language; `caller`, what they may, `path`, `here` and what base.html
    needs are there."""
    language, caller = chosen_language(request), caller_of(request)
    html = (
        _environment(language.code)
        .get_template(template)
        .render(
            caller=caller,
            may_edit=caller is not None and caller.role.includes(Role.EDITOR),
            may_administer=caller is not None and caller.role.includes(Role.ADMIN),
            path=request.url.path,
            here=target_of(request),
            language=language,
            languages=languages().values(),
            groups=shown_to(caller.role) if caller else [],
            script_texts=_script_texts(language.code),
            **values,
        )
    )
    headers = {"Content-Language": language.code, "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(html.encode(errors="replace"), status_code=status_code, headers=headers)


def problem_page(request: Request, problem: Problem) -> Response | None:
    """A problem as a page where a person looks; None for programs."""
    if not is_shown(request):
        return None
    return page(request, "problem.html", status_code=problem.status, problem=problem)
