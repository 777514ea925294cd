"""Every deployment of `prefect.yaml` is whole: Prefect says so only when a stack starts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from prefect import Flow

from deployments.deploying import DECLARATION, is_plain
from deployments.prefect_address import WORK_POOL

DECLARED: list[dict[str, Any]] = yaml.safe_load(DECLARATION.read_text())["deployments"]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda one: one["name"])
def test_a_deployment_names_its_flow_its_pool_its_limit_and_what_it_is_for(declared: dict[str, Any]) -> None:
    file, _, name = declared["entrypoint"].partition(":")
    assert isinstance(getattr(import_module(file.removesuffix(".py").replace("/", ".")), name), Flow)
    assert declared["name"] == name.replace("_", "-")
    assert declared["work_pool"]["name"] == WORK_POOL
    assert declared["concurrency_limit"] >= 1 and declared["description"] and "schedules" in declared


def test_what_millrace_declares_is_plain_and_registered_without_the_command_of_prefect() -> None:
    assert is_plain(DECLARATION.read_text())


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"parameters": {"language": "ro"}}, id="parameters"),
        pytest.param({"work_pool": {"name": WORK_POOL, "work_queue_name": "default", "job_variables": {}}}, id="pool"),
        pytest.param({"schedules": [{"interval": 3600}]}, id="interval"),
        pytest.param({"concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"}}, id="strategy"),
    ],
)
def test_a_deployment_that_says_more_is_left_to_the_command_of_prefect(more: dict[str, Any]) -> None:
    file: dict[str, Any] = yaml.safe_load(DECLARATION.read_text())
    file["deployments"][0].update(more)
    assert not is_plain(yaml.safe_dump(file))


def test_a_deployment_that_says_less_is_left_to_it_too_and_so_are_steps_for_all() -> None:
    file: dict[str, Any] = yaml.safe_load(DECLARATION.read_text())
    assert not is_plain(yaml.safe_dump({**file, "pull": []}))
    del file["deployments"][0]["tags"]
    assert not is_plain(yaml.safe_dump(file))
