"""What stays of an operator's changes to a deployment's schedules in Prefect when the deployment is registered again.

What was registered last stands in the deployment's own label: it moves with Prefect's database, whichever home or
machine registers next. A schedule that differs from it was changed by somebody and is theirs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import DeploymentSchedule

SCHEDULES_LABEL: Final = "millrace.schedules"
"""The schedules as `prefect.yaml` declared them when the deployment was registered last."""

Declared = Mapping[str, Any]
"""An entry of `schedules`: `cron` and `timezone`."""


def label_of(declared: Sequence[Declared]) -> str:
    """The value of the label."""
    return json.dumps([dict(one) for one in declared], sort_keys=True)


def are_edited(declared: Sequence[Declared], found: Sequence[DeploymentSchedule], label: str | None) -> bool:
    """Whether somebody gave the deployment other times, one more schedule or one less.

    Without a label nobody knows what was registered: then all that differs from the declaration counts as edited.
    """
    registered = declared if label is None else json.loads(label)
    return Counter(_cron_texts(registered)) != Counter(one.schedule.model_dump_json() for one in found)


def schedules_to_register(
    declared: Sequence[Declared], found: Sequence[DeploymentSchedule] | None, label: str | None
) -> list[DeploymentScheduleCreate]:
    """Edited schedules as they are; others as declared now, each switched on or off as it was.

    `found` is None for a deployment that there is not yet.
    """
    if found is None:
        return [_schedule(one, active=True) for one in declared]
    if are_edited(declared, found, label):
        return [_kept(one) for one in found]
    known = {one.schedule.model_dump_json(): one for one in found}
    before = _cron_texts(declared if label is None else json.loads(label))
    chosen: list[DeploymentScheduleCreate] = []
    for place, (one, text) in enumerate(zip(declared, _cron_texts(declared), strict=True)):
        if text in known:
            chosen.append(_kept(known[text]))
        else:  # the times that it had before, if it had any
            chosen.append(_schedule(one, active=place >= len(before) or known[before[place]].active))
    return chosen


def _cron_texts(declared: Sequence[Declared]) -> list[str]:
    from prefect.client.schemas.schedules import CronSchedule

    return [CronSchedule(**one).model_dump_json() for one in declared]


def _schedule(declared: Declared, *, active: bool) -> DeploymentScheduleCreate:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    return DeploymentScheduleCreate(schedule=CronSchedule(**declared), active=active)


def _kept(found: DeploymentSchedule) -> DeploymentScheduleCreate:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    kept: dict[str, Any] = {name: getattr(found, name) for name in ("max_scheduled_runs", "parameters", "slug")}
    return DeploymentScheduleCreate(schedule=found.schedule, active=found.active, **kept)
