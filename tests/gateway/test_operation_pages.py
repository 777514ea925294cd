"""The front page, a run, workers, figures: what they show of what is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.pages.charts import stacked
from gateway.pages.job_figures import by_hour, by_pipeline, took_by_hour
from gateway.pages.run_timeline import spans_of_events
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.progress import ProgressEvent
from spine.presence import LaneStatus
from tests.gateway.furnished_reviews import add_reviews
from tests.gateway.furnishing import add_cards
from tests.gateway.gateway_desk import Desk

NOON = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


async def test_the_front_page_shows_what_runs_what_failed_and_what_needs_a_person(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    running, ready, failed = [await desk.submission() for _ in range(3)]
    await desk.context.ledger.begin(running["job_id"], "lane-1")
    await desk.article(ready["submission_id"])
    await desk.finish(ready["job_id"])
    await desk.fail(failed["job_id"])
    text = (await client.get("/")).text
    for expected in (
        f'href="/run/{running["job_id"]}"',
        f'href="/review/{ready["submission_id"]}"',
        f'href="/run/{failed["job_id"]}"',
        "The shop asked for a captcha.",
        "healthy",
    ):
        assert expected in text, expected


async def test_what_else_needs_a_person_is_counted_and_linked(client: httpx.AsyncClient, desk: Desk) -> None:
    assert "Nothing: no article waits" in (await client.get("/")).text
    await desk.fail((await desk.submission())["job_id"])
    await add_cards(desk)
    text = (await client.get("/")).text
    for path, title, number in (("/queues", "Dead letters", 2), ("/cards", "Cards that failed or are blocked", 1)):
        assert f'<a href="{path}">{title}</a> <span class="chip bad">{number}</span>' in text


async def test_a_run_says_what_came_from_the_cache_and_what_each_stage_cost(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    made = (await add_reviews(desk))["ready"]
    text = (await client.get(f"/run/{made['job_id']}")).text
    for expected in ("from cache", "2 attempts · 10200 tokens · $0.0060 · groq / llama-3.3-70b"):
        assert expected in text, expected


async def test_a_run_shows_its_error_and_the_way_back_to_work(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    text = (await client.get(f"/run/{made['job_id']}")).text
    assert "The shop asked for a captcha." in text and f'data-send="/api/jobs/{made["job_id"]}/redrive"' in text
    assert (await client.get("/run/job_nobody")).status_code == 404


async def test_workers_shows_each_lane_with_its_jobs(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.presence.announce(
        LaneStatus(name="live", worker="host:2", concurrency=4, running=1, jobs=[made["job_id"]])
    )
    text = (await client.get("/workers")).text
    assert "host:2" in text and f'href="/run/{made["job_id"]}"' in text


async def test_settings_are_an_administrators(client: httpx.AsyncClient, desk: Desk) -> None:
    token = (await client.post("/api/tokens", json={"name": "ann", "role": "editor"})).json()["token"]
    async with desk.client(token=token) as editor:
        assert (await editor.get("/settings")).status_code == 403
        assert 'href="/settings"' not in (await editor.get("/")).text


def job(hours_ago: float, took: float, status: JobStatus = JobStatus.SUCCESS, attempts: int = 1) -> Job:
    finished = NOON - timedelta(hours=hours_ago)
    started = finished - timedelta(seconds=took)
    return Job(
        job_id=f"job_{hours_ago}_{took}",
        pipeline="book_review",
        subject_id="s",
        idempotency_key="k",
        status=status,
        attempts=attempts,
        created=started - timedelta(seconds=2),
        started=started,
        finished=finished,
    )


def test_ended_jobs_stand_in_the_hour_in_which_they_ended() -> None:
    chart = by_hour([job(0.1, 5), job(1, 5), job(1, 5, JobStatus.DEAD), job(30, 5)], NOON)
    assert chart.labels[-1] == "12:00 UTC" and len(chart.labels) == 24
    assert chart.rows[-1][1] == [1, 0, 0, 0] and chart.rows[-2][1] == [1, 0, 1, 0]
    assert chart.highest == 2


def test_the_time_of_an_hour_is_that_of_its_slow_jobs() -> None:
    chart = took_by_hour([job(0.1, 5), job(1, 5), job(1.1, 105)], NOON)
    assert chart.rows[-1][1] == [5] and chart.rows[-2][1] == [pytest.approx(100)] and chart.rows[0][1] == [0]


def test_a_pipelines_figures_count_outcomes_and_retries() -> None:
    [figures] = by_pipeline([job(1, 10), job(2, 20), job(3, 30, JobStatus.FAILURE, attempts=3)])
    assert (figures.succeeded, figures.failed, figures.retried) == (2, 1, 1)
    assert (figures.took_median, figures.waited_median) == (20, 2)


@pytest.mark.parametrize(
    ("columns", "heights"),
    [
        pytest.param([("a", {"x": 1.0}), ("b", {"x": 2.0})], [80, 160], id="the highest fills the chart"),
        pytest.param([("a", {})], [], id="nothing has no height"),
        pytest.param([], [], id="no columns"),
    ],
)
def test_columns_are_as_high_as_their_values(columns: list[tuple[str, dict[str, float]]], heights: list[float]) -> None:
    assert [bar.height for bar in stacked(columns, ["x"]).bars] == heights


def event(second: int, step: str, **more: object) -> ProgressEvent:
    return ProgressEvent.model_validate(
        {"type": "progress", "job_id": "j", "current_step": step, "timestamp": NOON + timedelta(seconds=second), **more}
    )


def test_a_runs_steps_end_where_the_next_begins() -> None:
    events = [event(0, "load"), event(2, "load"), event(4, "run"), event(10, "run", type="state", status="SUCCESS")]
    spans = spans_of_events(events, NOON + timedelta(hours=1))
    assert [(span.name, span.seconds, span.status) for span in spans] == [
        ("load", 4, "completed"),
        ("run", 6, "completed"),
    ]
    assert [(span.start, span.width) for span in spans] == [(0, 0.4), (0.4, 0.6)]


def test_only_the_newest_attempt_is_drawn_and_goes_on_until_now() -> None:
    events = [event(0, "load"), event(5, "load", attempt=2), event(6, "run", attempt=2)]
    spans = spans_of_events(events, NOON + timedelta(seconds=9))
    assert [(span.name, span.seconds, span.status) for span in spans] == [
        ("load", 1, "completed"),
        ("run", 3, "running"),
    ]
