"""The server's docket looks less often, as long as Prefect makes its worker where we expect it."""

from __future__ import annotations

import inspect

import pytest
from docket import Worker
from prefect.server.api import background_workers

from deployments.stack.prefect_process import LOOK_EVERY, look_less_often
from spine.adapters.docket_queue import QuietWorker


def test_the_worker_of_the_server_s_docket_is_the_quiet_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_workers, "Worker", Worker)  # put back afterwards
    assert "async with Worker(docket) as worker" in inspect.getsource(background_workers.background_worker)
    look_less_often()
    made = vars(background_workers)["Worker"]
    assert (made.func, made.keywords["scheduling_resolution"]) == (QuietWorker, LOOK_EVERY)
