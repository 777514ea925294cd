"""What the environment means to the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from spine.settings import Settings


@pytest.mark.parametrize(
    ("variable", "field", "meant"),
    [
        pytest.param("MILLRACE_HOME", "home", Path.home() / ".millrace", id="home, which is not the current folder"),
        pytest.param("MILLRACE_PORT", "port", 8800, id="port"),
        pytest.param("MILLRACE_TOKEN", "token", None, id="token"),
        pytest.param("MILLRACE_PERSONAS", "personas", None, id="personas"),
        pytest.param("MILLRACE_EMBEDDING_DIMENSION", "embedding_dimension", None, id="a number"),
    ],
)
def test_an_empty_variable_counts_as_not_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, field: str, meant: object
) -> None:
    monkeypatch.setenv(variable, "")
    assert getattr(Settings(), field) == meant  # pyright: ignore[reportCallIssue]
