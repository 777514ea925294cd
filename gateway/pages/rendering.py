"""Templates with everything that comes from data escaped; the application's one Jinja environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from gateway.dependencies import caller_of
from gateway.pages.article_html import article_html
from gateway.pages.views import duration, moment, tone, took, words
from gateway.paths import is_page
from gateway.problems import Problem

_TEMPLATES = Path(__file__).parent.parent / "templates"
STATIC = Path(__file__).parent.parent / "static"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(  # pyright: ignore[reportCallIssue] - typed as Jinja's own filters only
        {"tone": tone, "words": words, "duration": duration, "moment": moment, "took": took, "article": article_html}  # pyright: ignore[reportArgumentType]
    )
    return made


_env = _environment()


def page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """The template as a response; `caller` and `path` are always there."""
    html = _env.get_template(template).render(caller=caller_of(request), path=request.url.path, **values)
    return HTMLResponse(html.encode(errors="replace"), status_code=status_code)


def problem_page(request: Request, problem: Problem) -> Response | None:
    """A problem as a page where a person looks; None for programs."""
    if not is_page(request.url.path):
        return None
    return page(request, "problem.html", status_code=problem.status, problem=problem)
