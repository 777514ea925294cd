"""The OpenAPI description, corrected where FastAPI cannot be told: errors are problem documents, not plain JSON."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from gateway.problems import MEDIA_TYPE

_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def install_description(app: FastAPI) -> None:
    """FastAPI writes a response's model down under the media type of the route, whatever an error really has."""
    make = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            _correct_errors(make())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = described


def _correct_errors(description: dict[str, Any]) -> None:
    for operations in description["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status[0] in "45":
                    response["content"] = _PROBLEM
