"""`millrace migrate`: the version of the store that the settings name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.cli.application import new_application
from deployments.cli.store_commands import register
from spine.migration_steps import STEPS
from spine.settings import settings

NEWEST = len(STEPS)


def migrate(*words: str) -> str:
    app = new_application()
    register(app)
    done = CliRunner().invoke(app, ["migrate", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_documents_go_forward_back_and_forward_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MILLRACE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "documents.sqlite3").touch()

    assert f"at version {NEWEST}." in migrate()
    assert f"at version {NEWEST} already." in migrate()
    assert "back: 1, the store has a name" in migrate("--to", "0")
    assert json.loads(migrate("--json")) == {"from": 0, "to": NEWEST, "steps": [step.name for step in STEPS]}
