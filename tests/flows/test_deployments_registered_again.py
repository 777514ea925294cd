"""What a Prefect server has of our deployments after they were registered again. A real server."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists

from deployments import deploying
from deployments.prefect_address import WORK_POOL

EDITED = CronSchedule(cron="0 4 * * 2", timezone="Europe/Bucharest")


async def state_of(client: PrefectClient, name: str) -> DeploymentResponse:
    return await client.read_deployment_by_name(name)


async def test_what_was_paused_or_edited_survives_another_registration(tmp_path: Path) -> None:
    remembered = tmp_path / "prefect" / "deployed"
    async with get_client() as client:
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process"))
        assert await deploying.deploy_all(client, remembered)
        assert not await deploying.deploy_all(client, remembered), "the server has all as it is declared"

        checks = await state_of(client, "health_check/health-check")
        books = await state_of(client, "refresh_books/refresh-books")
        counts = await state_of(client, "maintenance/maintenance")
        untouched = await state_of(client, "check_followups/check-followups")
        assert checks.schedules[0].active and not counts.paused
        await client.update_deployment_schedule(checks.id, checks.schedules[0].id, active=False)
        await client.update_deployment_schedule(books.id, books.schedules[0].id, schedule=EDITED)
        await client.pause_deployment(counts.id)
        await client.delete_deployment((await state_of(client, "batch/batch")).id)

        assert await deploying.deploy_all(client, remembered), "one is missing"
        assert await state_of(client, "batch/batch")
        again = await state_of(client, "check_followups/check-followups")
        assert again.updated == untouched.updated, "only what is missing or changed is registered"

        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text("what an older Millrace kept here")
        assert await deploying.deploy_all(client, remembered), "all are registered anew after an upgrade"
        checks = await state_of(client, "health_check/health-check")
        assert [one.active for one in checks.schedules] == [False]
        books = await state_of(client, "refresh_books/refresh-books")
        assert [one.schedule for one in books.schedules] == [EDITED] and books.schedules[0].active
        assert (await state_of(client, "maintenance/maintenance")).paused
        again = await state_of(client, "check_followups/check-followups")
        assert again.updated != untouched.updated and again.schedules[0].active and not again.paused
        assert not await deploying.deploy_all(client, remembered)
