"""How a pipeline's code comes into a lane."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest
from prefect import Flow

from deployments import runners


async def test_a_flow_is_loaded_beside_the_event_loop_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "flow_that_says_where_it_was_loaded"
    (tmp_path / f"{name}.py").write_text("import threading\nloaded_in = threading.current_thread()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(runners, "_modules", {})

    loaded = await runners._module(name)  # pyright: ignore[reportPrivateUsage]
    assert loaded.loaded_in is not threading.current_thread()
    monkeypatch.delitem(sys.modules, name)
    assert await runners._module(name) is loaded  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "name",
    [*runners._PLAIN, *runners._CHORES, "module_graph", "conversation"],  # pyright: ignore[reportPrivateUsage]
)
def test_every_pipeline_and_every_chore_has_a_flow_in_a_module_of_its_name(name: str) -> None:
    flow = getattr(import_module(f"flows.{name}"), name)
    assert isinstance(flow, Flow) and flow.name == name
