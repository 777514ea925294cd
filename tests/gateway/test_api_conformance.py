"""No request of the documented API makes the gateway fail, and every answer is as the documentation says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.api_conformance import ROLES, Api, check_refusal, open_api

OPEN_TO_VIEWERS = {"POST /api/tickets"}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with open_api() as opened:
        yield opened


def is_webhook(name: str) -> bool:
    return "/webhooks/" in name


def check_every_operation(api: Api, examples: int) -> None:
    failures: dict[str, str] = {}
    for name, operation in api.operations().items():
        try:
            api.check(operation, examples=examples)
        except (Exception, BaseExceptionGroup) as error:
            failures[name] = str(error)[:2000]
    assert failures == {}


def test_every_operation_answers_as_it_is_documented(api: Api) -> None:
    check_every_operation(api, examples=4)
    assert len(api.seen) > 50
    statuses = set[int]().union(*api.seen.values())
    assert {200, 202, 403, 404, 409, 422} <= statuses, "the requests reach further than the door"


@pytest.mark.chaos
@pytest.mark.timeout(600)
def test_every_operation_answers_as_it_is_documented_to_very_many_requests() -> None:
    with open_api() as api:
        check_every_operation(api, examples=40)


def test_a_stranger_is_told_nothing_by_any_operation(api: Api) -> None:
    for name, operation in api.operations().items():
        if name == "GET /health":
            continue
        answer = api.send(operation, role=None)
        assert answer.status_code in ((401, 404) if is_webhook(name) else (401,)), name
        check_refusal(answer)


def test_a_viewer_changes_nothing_by_any_operation(api: Api) -> None:
    for name, operation in api.operations().items():
        if name.startswith("GET ") or is_webhook(name) or name in OPEN_TO_VIEWERS:
            continue
        answer = api.send(operation, role=ROLES[0])
        assert answer.status_code == 403, name
        check_refusal(answer)


def test_what_the_documentation_shows_of_errors_is_the_problem_document(api: Api) -> None:
    shown = {
        (status, media_type)
        for operations in api.desk.app.openapi()["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        for media_type in response.get("content", {})
        if status[0] in "45"
    }
    assert shown == {("4XX", "application/problem+json"), ("5XX", "application/problem+json")}
