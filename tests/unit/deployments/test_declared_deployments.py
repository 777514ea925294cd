"""Every deployment of `prefect.yaml` is whole: Prefect says so only when a stack starts."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from prefect import Flow

from deployments.deploying import DECLARATION
from deployments.prefect_address import WORK_POOL

DECLARED: list[dict[str, Any]] = yaml.safe_load(DECLARATION.read_text())["deployments"]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda one: one["name"])
def test_a_deployment_names_its_flow_its_pool_its_limit_and_what_it_is_for(declared: dict[str, Any]) -> None:
    file, _, name = declared["entrypoint"].partition(":")
    assert isinstance(getattr(import_module(file.removesuffix(".py").replace("/", ".")), name), Flow)
    assert declared["name"] == name.replace("_", "-")
    assert declared["work_pool"]["name"] == WORK_POOL
    assert declared["concurrency_limit"] >= 1 and declared["description"] and "schedules" in declared


@pytest.mark.parametrize("declared", DECLARED, ids=lambda one: one["name"])
def test_a_deployment_declares_nothing_that_the_step_does_not_register(declared: dict[str, Any]) -> None:
    known = {"name", "entrypoint", "description", "tags", "work_pool", "concurrency_limit", "schedules"}
    assert declared.keys() <= known and declared["work_pool"].keys() <= {"name", "work_queue_name"}
    assert all(schedule.keys() <= {"cron", "timezone"} for schedule in declared["schedules"])
