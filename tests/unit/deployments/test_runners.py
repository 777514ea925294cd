"""How a pipeline's code comes into a lane."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from deployments import runners


async def test_a_flow_is_loaded_beside_the_event_loop_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "flow_that_says_where_it_was_loaded"
    (tmp_path / f"{name}.py").write_text("import threading\nloaded_in = threading.current_thread()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(runners, "_loaded", set())

    await runners._load(name)  # pyright: ignore[reportPrivateUsage]
    assert sys.modules[name].loaded_in is not threading.current_thread()
    del sys.modules[name]
    await runners._load(name)  # pyright: ignore[reportPrivateUsage]
    assert name not in sys.modules
