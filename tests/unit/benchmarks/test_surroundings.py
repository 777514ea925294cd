"""What surrounds the benches answers as the real thing would, so that what is timed is what was meant."""

from __future__ import annotations

import json
import os

import httpx
import psutil
import pytest

from benchmarks.surroundings.outside_world import World, answer_to, outside_world
from benchmarks.surroundings.processes import cpu_seconds, memory_bytes, tree, watching
from spine.contracts.texts import BibliographicCandidate, ContextBrief, DraftArticle, LinkSummary, ResearchInsight
from spine.testing.openai_server import Call
from tasks.book_review.article import article_problem


@pytest.fixture(scope="module")
def world() -> object:
    with outside_world(0.0) as made:
        yield made


def asked(kind: type) -> Call:
    schema = {"type": "json_schema", "json_schema": {"name": "answer", "schema": kind.model_json_schema()}}
    return Call("/v1/chat/completions", {}, {"model": "gpt-4", "messages": [], "response_format": schema})


def test_the_article_needs_no_second_asking() -> None:
    draft = DraftArticle.model_validate_json(answer_to(asked(DraftArticle)).text or "")
    assert article_problem(draft, 600, 1200) is None


@pytest.mark.parametrize("kind", [BibliographicCandidate, ContextBrief, LinkSummary, ResearchInsight])
def test_every_other_answer_fits_what_was_asked_for(kind: type) -> None:
    kind.model_validate_json(answer_to(asked(kind)).text or "")


def test_the_world_serves_a_book_its_links_and_a_model_and_counts_what_it_is_asked(world: World) -> None:
    with httpx.Client(trust_env=False) as http:
        assert b"Tide" in http.get(world.product).content
        pages = [http.get(link) for link in world.links(2)]
        assert all(page.is_success for page in pages) and pages[0].content != pages[1].content
        answer = http.post(f"{world.url}/v1/chat/completions", json=asked(LinkSummary).body)
        assert LinkSummary.model_validate_json(answer.json()["choices"][0]["message"]["content"])
    assert (world.calls(), world.calls()) == (1, 0)
    assert json.dumps(world.environment)


def test_what_a_block_costs_is_seen() -> None:
    mine = [psutil.Process(os.getpid())]
    with watching(lambda: mine, every=0.01) as watch:
        sum(number * number for number in range(2_000_000))
    assert watch.cpu > 0 and watch.peak > 10 * 2**20
    assert memory_bytes(mine, "rss") >= memory_bytes(mine) > 0


def test_a_process_that_is_gone_costs_nothing() -> None:
    assert tree(2**22 - 1) == []
    assert cpu_seconds([]) == 0.0
