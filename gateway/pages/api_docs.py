"""`/docs`: the interactive API documentation, with assets that an installed package carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from gateway.pages.rendering import page
from gateway.problems import ProblemError

router = APIRouter(include_in_schema=False)
_PACKAGE = "fastapi_offline"
_ASSETS = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})


@router.get("/docs")
async def api_docs(request: Request) -> Response:
    return page(request, "docs.html")


@router.get("/docs/assets/{name}")
async def api_docs_asset(name: str) -> Response:
    folder = _assets()
    if name not in _ASSETS or folder is None:
        raise ProblemError(404, "not_found", "There is nothing at this address.")
    return FileResponse(folder / name, headers={"Cache-Control": "private, max-age=86400"})


def _assets() -> Path | None:
    """The folder of the package's assets; its code is never imported."""
    found = find_spec(_PACKAGE)
    return Path(found.origin).parent / "static" if found and found.origin else None
