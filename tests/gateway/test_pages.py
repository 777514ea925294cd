"""The pages: what people read, and that nothing in the data becomes markup."""

from __future__ import annotations

import re
from dataclasses import asdict

import httpx
import pytest

from gateway.languages import languages
from gateway.pages.article_html import article_html
from gateway.pages.views import actions, duration, facts, row, shown, stage_rows, tone
from spine.contracts.books import BookMetadata, ConsolidatedBook, FieldProvenance, Money, SourcedValue
from spine.contracts.jobs import Job, JobStatus
from spine.contracts.submissions import StageRecord, StepError, Submission, SubmissionStatus, SubmitRequest
from spine.contracts.texts import Article, Claim
from spine.documents import BOOKS, SUBMISSIONS
from tests.gateway.evil_data import EVIL, evil_elements
from tests.gateway.gateway_desk import Desk


async def test_an_empty_desk_says_what_to_do(client: httpx.AsyncClient) -> None:
    answer = await client.get("/reviews")
    assert answer.status_code == 200
    assert "Nothing here yet" in answer.text


async def test_the_list_shows_titles_statuses_and_live_bars(client: httpx.AsyncClient, desk: Desk) -> None:
    running, done = await desk.submission(), await desk.submission()
    await desk.finish(done["job_id"])
    await desk.article(done["submission_id"])
    await desk.documents.update(SUBMISSIONS, {"_id": done["submission_id"]}, set={"title": "The Salt Road"})
    text = (await client.get("/reviews")).text
    assert f'data-job="{running["job_id"]}"' in text and f'data-job="{done["job_id"]}"' not in text
    assert "The Salt Road" in text and "ready for review" in text
    assert f'href="/review/{done["submission_id"]}"' in text


async def test_the_list_is_served_in_pages(client: httpx.AsyncClient, desk: Desk) -> None:
    for _ in range(26):
        await desk.submission()
    first = (await client.get("/reviews")).text
    assert first.count('class="card row"') == 25 and "data-newest" in first
    link = re.search(r'href="(/reviews\?[^"]+)" rel="next"', first)
    assert link is not None
    second = (await client.get(link.group(1).replace("&amp;", "&"))).text
    assert second.count('class="card row"') == 1 and "data-newest" not in second


async def test_a_review_shows_article_facts_stages_errors_and_notes(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.finish(made["job_id"])
    await desk.article(made["submission_id"])
    book = ConsolidatedBook(
        metadata=BookMetadata(title="The Salt Road", pages=312),
        provenance={
            "pages": FieldProvenance(
                source="amazon", reason="It comes first.", conflicts=[SourcedValue(source="goodreads", value=320)]
            )
        },
    )
    await desk.documents.insert(BOOKS, {"submission_id": made["submission_id"], **book.model_dump(mode="json")})
    stage = StageRecord(
        status="completed", cached=True, provider="groq", model="llama", fallback_reason="openai has no key"
    )
    error = StepError(step="internet_research", message="No answer.", error_class="ExternalServiceError")
    await desk.documents.update(
        SUBMISSIONS,
        {"_id": made["submission_id"]},
        set={"stages.context_generation": stage.model_dump(mode="json"), "notes": ["A note."]},
        push={"errors": error.model_dump(mode="json")},
    )
    text = (await client.get(f"/review/{made['submission_id']}")).text
    for expected in ("goodreads says 320", "It comes first.", "<mark>1871</mark>", "groq / llama", "from cache"):
        assert expected in text, expected
    for expected in ("openai has no key", "A note.", "No answer.", "Approve", "Reject", "Run again"):
        assert expected in text, expected


async def test_nothing_in_the_data_becomes_markup(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission(amazon_url=f"https://shop.example/{EVIL}", other_links=[f"https://a.example/{EVIL}"])
    await desk.fail(made["job_id"])
    await desk.article(
        made["submission_id"],
        title=EVIL,
        content=f"# {EVIL}\n\n{EVIL}\n\n[x](javascript:alert(1)) ![x](x)\n\n`{EVIL}`",
        claims=[Claim(text=EVIL, kind=EVIL, supported=False, sentence=EVIL)],
        flags=[EVIL],
        sources=[EVIL],
        author=EVIL,
    )
    error = StepError(step=EVIL, message=EVIL, error_class=EVIL)
    await desk.documents.update(
        SUBMISSIONS, {"_id": made["submission_id"]}, set={"title": EVIL, "notes": [EVIL], "status": "failed"},
        push={"errors": error.model_dump(mode="json")},
    )  # fmt: skip
    book = ConsolidatedBook(metadata=BookMetadata(title=EVIL, authors=[EVIL]), notes=[EVIL])
    await desk.documents.insert(BOOKS, {"submission_id": made["submission_id"], **book.model_dump(mode="json")})
    paths = ["/", "/reviews", f"/review/{made['submission_id']}", "/jobs", f"/review/{EVIL.replace('/', '')}"]
    for path, params in [*((path, {}) for path in paths), ("/reviews", {"q": EVIL}), ("/jobs", {"pipeline": EVIL})]:
        text = (await client.get(path, params=params)).text
        assert "alert(1)" in text or path in ("/", "/jobs"), path
        assert evil_elements(text) == [], path


def test_the_reader_of_the_test_above_sees_what_it_should() -> None:
    assert evil_elements(EVIL) == ["script", "img src=x", "img onerror=alert(1)", "img"]


async def test_pages_carry_no_inline_script_or_style(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    for path in ("/", "/reviews", "/jobs", f"/review/{made['submission_id']}", "/login", "/docs"):
        text = (await client.get(path)).text
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text), path
        assert not re.search(r'(?:src|href)="(?:https?:)?//(?!shop\.example)', text), path


# -- the article's HTML --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        pytest.param("# Top\n\n## Below", "<h3>Top</h3>\n<h4>Below</h4>", id="headings go under the page's"),
        pytest.param("## First", "<h3>First</h3>", id="and begin at the top"),
        pytest.param("<b>bold</b>", "<p>&lt;b&gt;bold&lt;/b&gt;</p>", id="raw HTML is text"),
        pytest.param("![alt](https://a.example/x.png)", "<p>alt</p>", id="images are their description"),
        pytest.param(
            "5. five\n6. six", '<ol start="5">\n<li>five</li>\n<li>six</li>\n</ol>', id="lists keep their start"
        ),
        pytest.param("a <- b <c>", "<p>a &lt;- b &lt;c&gt;</p>", id="also what looks like HTML"),
        pytest.param("[x](/logout)", None, id="no links into the gateway"),
        pytest.param("[x](javascript:alert(1))", None, id="no scripts in links"),
        pytest.param("[x](data:text/html,x)", None, id="no data in links"),
    ],
)
def test_markdown_becomes_safe_html(markdown: str, html: str | None) -> None:
    found = str(article_html(markdown)).strip()
    if html is None:
        assert "<img" not in found and "href" not in found
    else:
        assert found == html


def test_links_open_without_telling_where_from() -> None:
    found = str(article_html("[x](https://example.org)"))
    assert 'href="https://example.org"' in found and 'rel="noopener noreferrer nofollow"' in found


@pytest.mark.parametrize(
    ("markdown", "claim", "marked"),
    [
        pytest.param("Printed in 1871.", ("1871", "Printed in 1871."), 1, id="in its sentence"),
        pytest.param("Printed *in* **1871**.", ("1871", "Printed in 1871."), 1, id="whatever is emphasised"),
        pytest.param("Printed in 1871.\n\nSold in 1871.", ("1871", "Sold in 1871."), 1, id="not in another sentence"),
        pytest.param("It has 2012 pages.", ("12", ""), 0, id="not inside a longer number"),
        pytest.param("By Ana. By Ana.", ("Ana", ""), 2, id="everywhere when the sentence is not known"),
        pytest.param("A + B (x)", ("+ B (x", ""), 1, id="signs are no pattern"),
        pytest.param("Nothing here.", ("1871", "Printed in 1871."), 0, id="nowhere"),
        pytest.param("`1871`", ("1871", ""), 0, id="not in code"),
    ],
)
def test_unsupported_claims_are_marked(markdown: str, claim: tuple[str, str], marked: int) -> None:
    text, sentence = claim
    unsupported = Claim(text=text, kind="date", supported=False, sentence=sentence)
    supported = unsupported.model_copy(update={"supported": True})
    assert str(article_html(markdown, [unsupported])).count("<mark>") == marked
    assert "<mark>" not in str(article_html(markdown, [supported]))


def test_two_claims_in_one_word_are_marked_once() -> None:
    claims = [
        Claim(text="March 1871", kind="date", supported=False),
        Claim(text="1871", kind="number", supported=False),
    ]
    assert str(article_html("In March 1871.", claims)) == "<p>In <mark>March 1871</mark>.</p>\n"


# -- what the pages show -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "looks"),
    [("published", "good"), ("SUCCESS", "good"), ("failed", "bad"), ("DEAD", "bad"), ("pending", "idle"),
     ("REVOKED", "idle"), ("scraping_amazon", "busy"), ("PROGRESS", "busy")],
)  # fmt: skip
def test_a_status_has_a_tone(status: str, looks: str) -> None:
    assert tone(status) == looks


@pytest.mark.parametrize(
    ("seconds", "text", "ukrainian"),
    [
        (None, "", ""),
        (0, "0.0 s", "0,0 с"),
        (0.04, "40 ms", "40 мс"),
        (9.4, "9.4 s", "9,4 с"),
        (12.6, "13 s", "13 с"),
        (185, "3 min 05 s", "3 хв 05 с"),
        (7_620, "2 h 07 min", "2 год 07 хв"),
    ],
)
def test_durations_are_short_and_in_the_readers_language(seconds: float | None, text: str, ukrainian: str) -> None:
    assert (duration(seconds, languages()["en"]), duration(seconds, languages()["uk"])) == (text, ukrainian)


@pytest.mark.parametrize(
    ("status", "article_status", "job_status", "expected"),
    [
        ("ready_for_review", "ready_for_review", JobStatus.SUCCESS, "retry approve reject"),
        ("scraped", None, JobStatus.PROGRESS, "cancel"),
        ("pending", None, JobStatus.PENDING, "cancel"),
        ("pending", None, None, ""),
        ("failed", None, JobStatus.DEAD, "retry"),
        # A rerun that failed leaves the article that waits, a failed publication the approval.
        ("failed", "ready_for_review", JobStatus.FAILURE, "retry approve reject"),
        ("failed", "approved", JobStatus.FAILURE, "retry approve"),
        ("failed", "published", JobStatus.FAILURE, "retry approve"),
        # A rerun replaces the article, so its old one is not decided on meanwhile.
        ("scraped", "ready_for_review", JobStatus.PROGRESS, "cancel"),
        # What stands is no news.
        ("approved", "approved", JobStatus.SUCCESS, "retry"),
        ("rejected", "rejected", JobStatus.SUCCESS, "retry"),
    ],
)
def test_buttons_are_those_that_make_sense(
    status: str, article_status: str | None, job_status: JobStatus | None, expected: str
) -> None:
    request = SubmitRequest(amazon_url="https://a.example/x")
    submission = Submission(submission_id="s", request=request, status=SubmissionStatus(status))
    text = {"article_id": "a", "submission_id": "s", "title": "t", "content": "c", "word_count": 1}
    article = Article.model_validate({**text, "status": article_status}) if article_status else None
    job = Job(job_id="j", pipeline="p", subject_id="s", idempotency_key="k", status=job_status) if job_status else None
    found = asdict(actions(submission, article, job))
    assert [name for name, offered in found.items() if offered] == expected.split()


async def test_an_article_whose_rerun_failed_is_decided_on_as_before(client: httpx.AsyncClient, desk: Desk) -> None:
    made = await desk.submission()
    await desk.fail(made["job_id"])
    await desk.article(made["submission_id"])
    await desk.documents.update(SUBMISSIONS, {"_id": made["submission_id"]}, set={"status": "failed"})
    text = (await client.get(f"/review/{made['submission_id']}")).text
    for call in ("approve", "reject"):
        assert f'data-send="/submissions/{made["submission_id"]}/{call}" data-match="1"' in text
    assert (await client.post(f"/submissions/{made['submission_id']}/approve")).status_code == 202


def test_a_submission_without_a_title_goes_by_its_address() -> None:
    request = SubmitRequest(amazon_url="https://www.shop.example/book/1?ref=x")
    assert row(Submission(submission_id="s", request=request), None).title == "shop.example/book/1"


def test_stages_stand_in_order_with_those_that_have_not_begun() -> None:
    submission = Submission(
        submission_id="s",
        request=SubmitRequest(amazon_url="https://a.example/x"),
        stages={"two": StageRecord(status="completed"), "gone": StageRecord(status="completed")},
    )
    assert [(stage.id, stage.record.status) for stage in stage_rows(submission, ["one", "two"])] == [
        ("one", "pending"),
        ("two", "completed"),
        ("gone", "completed"),
    ]


def test_facts_are_those_that_are_known() -> None:
    metadata = BookMetadata(title="T", authors=["A", "B"], price_book=Money(amount=12.5, currency="EUR"))
    found = {fact.name: fact.value for fact in facts(ConsolidatedBook(metadata=metadata))}
    assert found == {"title": "T", "authors": "A, B", "price book": "12.50 EUR"}
    assert shown({"amount": 3, "currency": "USD"}) == "3 USD"
