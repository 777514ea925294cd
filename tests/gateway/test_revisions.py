"""The history of an article over HTTP, and reruns whose edits are checked before anything is stored."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from spine.documents import JOBS
from tests.gateway.gateway_desk import Desk


async def two_revisions(desk: Desk) -> str:
    made = await desk.submission()
    await desk.article(made["submission_id"], content="## A\n\nOld.", made_from="key", author="groq/llama")
    await desk.article(made["submission_id"], title="Salt", content="## A\n\nNew.", author="ada")
    return made["submission_id"]


async def test_revisions_are_listed_newest_first_with_who_made_them(client: httpx.AsyncClient, desk: Desk) -> None:
    submission_id = await two_revisions(desk)
    listed = (await client.get(f"/submissions/{submission_id}/article/revisions")).json()
    assert [(one["revision"], one["author"], one["edited"]) for one in listed["items"]] == [
        (2, "ada", True),
        (1, "groq/llama", False),
    ]
    assert listed["total"] == 2 and listed["items"][0]["unsupported_claims"] == 1
    assert "content" not in listed["items"][0]


@pytest.mark.parametrize("params", [{}, {"from": 1, "to": 2}, {"from": 1}, {"to": 2}])
async def test_two_revisions_are_compared_for_people_and_for_programs(
    client: httpx.AsyncClient, desk: Desk, params: dict[str, int]
) -> None:
    submission_id = await two_revisions(desk)
    compared = (await client.get(f"/submissions/{submission_id}/article/diff", params=params)).json()
    assert (compared["from"], compared["to"]) == (1, 2)
    assert compared["title"] == {"before": "The Salt Road", "after": "Salt"}
    assert compared["unified"].startswith("--- revision 1\n+++ revision 2\n") and "-Old.\n+New." in compared["unified"]
    changed = [block for block in compared["content"]["blocks"] if block["change"] != "same"]
    assert [(block["removed"], block["added"]) for block in changed] == [(["Old."], ["New."])]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("diff?from=1&to=9", 404, id="a revision that is not there"),
        pytest.param("diff?from=0", 422, id="no number of a revision"),
        pytest.param("diff?to=1", 422, id="the first against nothing"),
    ],
)
async def test_what_cannot_be_compared_is_said(client: httpx.AsyncClient, desk: Desk, path: str, status: int) -> None:
    submission_id = await two_revisions(desk)
    assert (await client.get(f"/submissions/{submission_id}/article/{path}")).status_code == status


async def test_a_submission_without_an_article_has_no_revisions(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    assert (await client.get(f"/submissions/{made['submission_id']}/article/revisions")).json()["items"] == []
    assert (await client.get(f"/submissions/{made['submission_id']}/article/diff")).status_code == 404
    assert (await client.get("/submissions/sub_none/article/revisions")).status_code == 404


@pytest.mark.parametrize(
    ("stage", "overrides", "field"),
    [
        pytest.param("article_generation", {"temperature": 9}, "overrides.temperature", id="a value out of range"),
        pytest.param("article_generation", {"prompt_version": 5}, "overrides.prompt_version", id="no such version"),
        pytest.param("amazon_scrape", {"provider": "groq"}, "overrides.provider", id="no model at this stage"),
        pytest.param(
            "additional_links_scrape", {"input": {"links": ["x"]}}, "overrides.input.links", id="a link that is none"
        ),
        pytest.param("amazon_scrape", {"input": {"pages": 10**30}}, "overrides.input", id="a number no store keeps"),
    ],
)
async def test_a_rerun_with_an_edit_that_does_not_fit_starts_nothing(
    client: httpx.AsyncClient, desk: Desk, stage: str, overrides: dict[str, Any], field: str
) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    body = {"stage": stage, "overrides": overrides}
    answer = await client.post(f"/tasks/{made['submission_id']}/retry_step", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    stored = (await client.get(f"/submissions/{made['submission_id']}")).json()
    assert (stored["overrides"], stored["epochs"]) == ({}, {})
    assert await desk.documents.count(JOBS) == 1


async def test_a_link_of_a_rerun_passes_the_same_guard_as_one_of_a_submission(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    body = {"stage": "additional_links_scrape", "overrides": {"input": {"links": ["http://127.0.0.1:9/"]}}}
    answer = await client.post(f"/tasks/{made['submission_id']}/retry_step", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "blocked_url")
