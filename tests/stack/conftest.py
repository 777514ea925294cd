"""Every stack that a test starts ends with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.scripted_stack import ScriptedStack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[ScriptedStack]:
    made = ScriptedStack(tmp_path / "home")
    yield made
    made.close()
