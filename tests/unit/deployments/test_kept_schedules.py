"""Which schedules a deployment has after it was registered again."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

from deployments.kept_schedules import are_edited, label_of, schedules_to_register

Given = tuple[str, bool]
"""A cron in UTC, and whether it is switched on."""


def declared(*crons: str) -> list[dict[str, str]]:
    return [{"cron": cron, "timezone": "UTC"} for cron in crons]


def found(*given: Given) -> list[DeploymentSchedule]:
    return [DeploymentSchedule(schedule=CronSchedule(cron=cron, timezone="UTC"), active=on) for cron, on in given]


ON, OFF = True, False
HOURLY, DAILY, WEEKLY = "17 * * * *", "0 3 * * *", "0 3 * * 1"

CASES: list[tuple[str, list[str], list[Given] | None, list[str] | None, list[Given]]] = [
    # what happened · declared now · in Prefect · registered last · afterwards
    ("nothing is there", [HOURLY], None, None, [(HOURLY, ON)]),
    ("nothing was changed", [HOURLY], [(HOURLY, ON)], [HOURLY], [(HOURLY, ON)]),
    ("paused", [HOURLY], [(HOURLY, OFF)], [HOURLY], [(HOURLY, OFF)]),
    ("paused before labels were kept", [HOURLY], [(HOURLY, OFF)], None, [(HOURLY, OFF)]),
    ("an upgrade has another time", [DAILY], [(HOURLY, ON)], [HOURLY], [(DAILY, ON)]),
    ("the same, and it was paused", [DAILY], [(HOURLY, OFF)], [HOURLY], [(DAILY, OFF)]),
    ("an upgrade has one more", [HOURLY, DAILY], [(HOURLY, OFF)], [HOURLY], [(HOURLY, OFF), (DAILY, ON)]),
    ("an upgrade has a first one", [DAILY], [], [], [(DAILY, ON)]),
    ("an upgrade has none any more", [], [(HOURLY, ON)], [HOURLY], []),
    ("one of two paused", [HOURLY, DAILY], [(DAILY, OFF), (HOURLY, ON)], [HOURLY, DAILY], [(HOURLY, ON), (DAILY, OFF)]),
    ("edited", [HOURLY], [(WEEKLY, ON)], [HOURLY], [(WEEKLY, ON)]),
    ("edited and paused", [HOURLY], [(WEEKLY, OFF)], [HOURLY], [(WEEKLY, OFF)]),
    ("edited before labels were kept", [HOURLY], [(WEEKLY, ON)], None, [(WEEKLY, ON)]),
    ("edited, and an upgrade has another time", [DAILY], [(WEEKLY, ON)], [HOURLY], [(WEEKLY, ON)]),
    ("one added", [HOURLY], [(HOURLY, ON), (WEEKLY, ON)], [HOURLY], [(HOURLY, ON), (WEEKLY, ON)]),
    ("removed", [HOURLY], [], [HOURLY], []),
]  # fmt: skip


@pytest.mark.parametrize(("now", "there", "last", "after"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_what_an_operator_changed_stays_and_the_rest_follows_the_declaration(
    now: list[str], there: list[Given] | None, last: list[str] | None, after: list[Given]
) -> None:
    label = None if last is None else label_of(declared(*last))
    chosen = schedules_to_register(declared(*now), None if there is None else found(*there), label)
    assert [(getattr(one.schedule, "cron", None), one.active) for one in chosen] == after


OTHERWISE: list[tuple[str, dict[str, Any]]] = [
    ("in another time zone", {"schedule": CronSchedule(cron=HOURLY, timezone="Europe/Bucharest")}),
    ("by an interval", {"schedule": IntervalSchedule(interval=3600, timezone="UTC")}),  # pyright: ignore[reportArgumentType]
]


@pytest.mark.parametrize("one", [case[1] for case in OTHERWISE], ids=[case[0] for case in OTHERWISE])
def test_a_schedule_of_another_kind_is_edited_and_stays_as_it_is(one: dict[str, Any]) -> None:
    there = [DeploymentSchedule(**one, parameters={"dry_run": True})]
    assert are_edited(declared(HOURLY), there, label_of(declared(HOURLY)))
    (kept,) = schedules_to_register(declared(HOURLY), there, label_of(declared(HOURLY)))
    assert kept.schedule == one["schedule"] and kept.parameters == {"dry_run": True}
