"""What a job came to is told in one line, whatever its pipeline counts."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.cli.verdicts import left_out, verdict

PERSONA = {"works": {"total_vectors": 1200, "embedded": 12}, "quotes": {"total_vectors": 3, "embedded": 0}}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        pytest.param({"title": "Emma", "word_count": 812}, "succeeded: Emma (812 words)", id="a review"),
        pytest.param(
            {"title": "Emma", "word_count": 812, "post_id": 7, "status": "publish", "url": "https://a.example/emma"},
            "succeeded: the post is at https://a.example/emma",
            id="a review that was published",
        ),
        pytest.param(
            {"batch_id": "bat_1", "total": 1, "succeeded": 1, "failed": 0, "cancelled": 0, "refused": 2},
            "finished 1 review: 1 succeeded, 0 failed, 0 cancelled, 2 refused",
            id="a batch of one",
        ),
        pytest.param(
            {"total": 3, "done": 2, "failed": 0, "blocked": 1},
            "finished 3 cards: 2 done, 0 failed, 1 blocked",
            id="a backlog",
        ),
        pytest.param(
            {"card_id": "c1", "verification": {"note": "All checks passed."}},
            "succeeded: card c1 is DONE. All checks passed.",
            id="a card",
        ),
        pytest.param(
            {"persona_id": "poe", "total_vectors": 1203, "collections": PERSONA, "left_out_total": 2},
            "ingested poe: 1,203 passages (works 1,200, 12 new; quotes 3), 2 places left out",
            id="a persona",
        ),
        pytest.param(None, "succeeded", id="a result that counts nothing"),
    ],
)
def test_a_success_tells_what_its_pipeline_counts(result: dict[str, Any] | None, told: str) -> None:
    assert verdict({"job_id": "job_1", "status": "SUCCESS", "result": result}) == f"job_1 {told}"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param({"step": "publishing", "message": "No site."}, "FAILURE in publishing: No site.", id="in a step"),
        pytest.param({"message": "Too late."}, "FAILURE: Too late.", id="above the steps"),
        pytest.param(None, "FAILURE: no reason was recorded", id="without a word"),
    ],
)
def test_everything_else_tells_where_it_ended_and_why(error: dict[str, Any] | None, told: str) -> None:
    assert verdict({"job_id": "job_1", "status": "FAILURE", "error": error}) == f"job_1 ended as {told}"


def test_what_an_ingestion_could_not_take_is_named_up_to_a_number() -> None:
    places: list[dict[str, Any]] = [
        {"file": "works/x.rtf", "line": None, "part": None, "reason": "is of a kind that works does not read"},
        {"file": "quotes/a\x1b[2J\nb.csv", "line": 3, "part": None, "reason": "is not a CSV row"},
        {"file": "works/b.pdf", "line": None, "part": "page 2", "reason": "cannot be read"},
    ]
    result = {
        "persona_id": "poe",
        "total_vectors": 1,
        "collections": {"works": {"left_out": places}, "quotes": {"left_out": places[:1] * 20}},
        "left_out_total": 1_043,
    }
    told = left_out({"job_id": "job_1", "status": "SUCCESS", "result": result})
    assert told[:3] == [
        "left out: works/x.rtf: is of a kind that works does not read",
        "left out: quotes/ab.csv line 3: is not a CSV row",
        "left out: works/b.pdf page 2: cannot be read",
    ]
    assert len(told) == 11
    assert told[10].startswith("and 1,033 more;")


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(None, id="no result"),
        pytest.param({"title": "Emma", "word_count": 812}, id="another pipeline"),
        pytest.param({"collections": PERSONA, "left_out_total": 0}, id="nothing was left out"),
    ],
)
def test_where_nothing_was_left_out_nothing_is_told(result: dict[str, Any] | None) -> None:
    assert left_out({"job_id": "job_1", "status": "SUCCESS", "result": result}) == []
