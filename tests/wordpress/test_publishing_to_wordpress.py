"""Publishing on a real WordPress, looked at from outside."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from spine.adapters.wordpress import WordPressRest
from spine.effects import EffectLedger
from spine.errors import AuthenticationError, ConflictError
from spine.ports import FetchedPage
from spine.publishing_port import PublishedPost, SiteLogin
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from tasks.book_review.publish.subjects import Subjects
from tasks.book_review.publishing import publish
from tests.wordpress.conftest import Outside
from tests.wordpress.debian_wordpress import DebianWordPress
from tests.wordpress.interruptions import Interruption, Killed
from tests.wordpress.reviewed_book import COVER_URL, article, book, covers

pytestmark = pytest.mark.wordpress


@pytest.fixture
def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
def effects(documents: MemoryDocuments) -> EffectLedger:
    return EffectLedger(documents)


@pytest.fixture
async def published(submission_id: str, effects: EffectLedger, site: WordPressRest) -> PublishedPost:
    return await publish(article(submission_id), book(), effects, site, covers())


async def test_a_published_article_is_a_post_with_text_cover_categories_and_tags(
    submission_id: str, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    subjects = Subjects(themes=["fantasy"], topics=["dragons", "Quests & Riddles"])
    published = await publish(article(submission_id), book(), effects, site, covers(), subjects=subjects)
    post = await outside.post(published.post_id)
    assert (post["status"], post["link"]) == ("publish", published.url)
    assert post["title"]["raw"] == "The Hobbit, reviewed"
    assert "<h2>What it is about</h2>" in post["content"]["raw"]
    assert post["excerpt"]["raw"].startswith("The Hobbit is a children's fantasy novel")
    assert post["featured_media"] == published.media_id
    assert await outside.terms("categories", published.post_id) == {"Fantasy"}
    assert await outside.terms("tags", published.post_id) == {"J. R. R. Tolkien", "dragons", "Quests & Riddles"}
    assert published.notes == []


async def test_the_cover_lies_in_the_media_library_with_its_alt_text(
    published: PublishedPost, outside: Outside
) -> None:
    [cover] = await outside.media(parent=published.post_id)
    assert cover["id"] == published.media_id
    assert cover["alt_text"] == "The Hobbit – J. R. R. Tolkien"
    assert cover["source_url"].endswith(".png")
    assert "the-hobbit-cover" in cover["source_url"]


async def test_the_address_of_a_post_is_readable(published: PublishedPost) -> None:
    assert "/the-hobbit-reviewed" in published.url
    assert "millrace" not in published.url


HOSTILE = """
[gallery] and [caption]a shortcode[/caption] in the text, and an image.

https://www.youtube.com/watch?v=dQw4w9WgXcQ

![far](http://tracker.example/pixel.gif) ![near](https://covers.example/a.png)

<script>alert("owned")</script><iframe src="https://evil.example"></iframe><!-- wp:latest-posts /-->

<a href="javascript:alert(1)" onclick="alert(2)">press</a> [page](https://reviews.example/)

Wrapped
line.
"""


async def test_a_reader_gets_no_script_no_player_and_no_shortcode_of_an_article(
    submission_id: str, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    hostile = article(submission_id, "Hostile <script>alert(1)</script> & [gallery]", HOSTILE)
    published = await publish(hostile, book(None), effects, site, covers())
    rendered = (await outside.post(published.post_id))["content"]["rendered"]
    assert "&#91;gallery&#93; and &#91;caption&#93;a shortcode" in rendered
    for forbidden in ("<script", "<iframe", '<a href="java', "<!--", "http://tracker", "wp-block", "<figure"):
        assert forbidden not in rendered
    assert "&lt;script&gt;alert(" in rendered and "&lt;a href=" in rendered, "raw HTML is text, as it was when approved"
    assert '<img decoding="async" src="https://covers.example/a.png" alt="near">' in rendered
    assert '<a href="https://reviews.example/" rel="nofollow noopener noreferrer">page</a>' in rendered
    assert "Wrapped line." in rendered
    page = await outside.visit(published.url)
    assert "alert(1)</script>" not in page
    assert "Hostile &lt;script&gt;alert(1)&lt;/script&gt; &amp; &#91;gallery&#93;" in page


async def test_publishing_again_updates_the_post_and_leaves_cover_and_address_alone(
    submission_id: str, published: PublishedPost, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    edited = article(submission_id, "Another title", "A second thought on the book, which is longer.")
    again = await publish(edited, book(), effects, site, covers())
    assert again == published
    post = await outside.post(published.post_id)
    assert post["title"]["raw"] == "Another title"
    assert "A second thought" in post["content"]["raw"]
    assert [cover["id"] for cover in await outside.media(parent=published.post_id)] == [published.media_id]


async def test_a_changed_cover_replaces_the_one_before(
    submission_id: str, published: PublishedPost, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    again = await publish(article(submission_id), book(), effects, site, covers((0, 0, 200)))
    assert again.post_id == published.post_id
    assert again.media_id != published.media_id
    assert [cover["id"] for cover in await outside.media(parent=published.post_id)] == [again.media_id]
    assert (await outside.post(published.post_id))["featured_media"] == again.media_id


async def test_a_featured_image_that_somebody_chose_on_the_site_stays(
    submission_id: str, published: PublishedPost, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    other = await publish(article(f"{submission_id}-other"), book(), EffectLedger(MemoryDocuments()), site, covers())
    await outside.change(f"posts/{published.post_id}", featured_media=other.media_id)
    again = await publish(article(submission_id), book(), effects, site, covers())
    assert again.media_id == other.media_id
    assert again.notes == ["somebody chose another featured image on the site; it stays"]
    assert len(await outside.media(parent=published.post_id)) == 1


async def test_a_draft_is_public_only_after_it_is_published(
    submission_id: str, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    draft = await publish(article(submission_id), book(), effects, site, covers(), status="draft")
    assert (draft.status, (await outside.post(draft.post_id))["status"]) == ("draft", "draft")
    published = await publish(article(submission_id), book(), effects, site, covers())
    assert (published.post_id, published.media_id, published.status) == (draft.post_id, draft.media_id, "publish")
    with pytest.raises(ConflictError, match="is public"):
        await publish(article(submission_id), book(), effects, site, covers(), status="draft")


async def test_a_post_in_the_trash_comes_back_under_its_address(
    submission_id: str, published: PublishedPost, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    await outside.delete(f"posts/{published.post_id}")
    assert await publish(article(submission_id), book(), effects, site, covers()) == published


async def test_a_post_that_was_deleted_on_the_site_is_made_anew(
    submission_id: str, published: PublishedPost, effects: EffectLedger, site: WordPressRest, outside: Outside
) -> None:
    await outside.delete(f"media/{published.media_id}", force="true")
    await outside.delete(f"posts/{published.post_id}", force="true")
    again = await publish(article(submission_id), book(), effects, site, covers())
    assert again.post_id != published.post_id
    assert (await outside.post(again.post_id))["featured_media"] == again.media_id


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
NO_COVER = [
    pytest.param(MemoryPages(), "the cover could not be fetched", id="unreachable"),
    pytest.param(
        MemoryPages({COVER_URL: FetchedPage(COVER_URL, COVER_URL, 200, SVG, "image/png")}), "is not a", id="svg"
    ),
]


@pytest.mark.parametrize(("pages", "reason"), NO_COVER)
async def test_a_cover_that_cannot_be_had_is_noted_and_the_post_goes_out_without(
    submission_id: str, effects: EffectLedger, site: WordPressRest, outside: Outside, pages: MemoryPages, reason: str
) -> None:
    published = await publish(article(submission_id), book(), effects, site, pages)
    assert (published.media_id, published.status) == (None, "publish")
    [note] = published.notes
    assert reason in note
    assert "goes out without it" in note
    assert await outside.media(parent=published.post_id) == []


async def test_a_user_who_may_not_make_categories_publishes_without_new_ones(
    submission_id: str, effects: EffectLedger, wordpress: DebianWordPress
) -> None:
    site = WordPressRest(wordpress.login("berta", role="author"))
    subjects = Subjects(themes=["a shelf that nobody has"])
    published = await publish(article(submission_id), book(), effects, site, covers(), subjects=subjects)
    await site.close()
    assert published.status == "publish"
    assert published.media_id is not None
    assert [note.partition(":")[0] for note in published.notes] == [
        "'A shelf that nobody has' was left out of the categories"
    ]


async def test_with_a_wrong_password_nothing_is_made_and_the_right_one_may_follow_at_once(
    submission_id: str, effects: EffectLedger, site: WordPressRest, login: SiteLogin, outside: Outside
) -> None:
    before = [post["id"] for post in await outside.posts()]
    wrong = WordPressRest(SiteLogin(login.url, login.username, type(login.application_password)("wrong one")))
    with pytest.raises(AuthenticationError):
        await publish(article(submission_id), book(), effects, wrong, covers())
    await wrong.close()
    assert [post["id"] for post in await outside.posts()] == before
    published = await asyncio.wait_for(publish(article(submission_id), book(), effects, site, covers()), timeout=5)
    assert published.status == "publish"


POINTS = [
    "before create_draft",
    "after create_draft",
    "after recording post_id",
    "before upload_image",
    "after upload_image",
    "after recording media_id",
    "before change_post",
    "after change_post",
]


@pytest.mark.parametrize("point", POINTS)
async def test_a_run_that_is_killed_and_repeated_leaves_one_post_and_one_media_item(
    submission_id: str, documents: MemoryDocuments, site: WordPressRest, outside: Outside, point: str
) -> None:
    posts, media = await outside.posts(), await outside.media()
    kill = Interruption(at=point)
    first = EffectLedger(kill.documents(documents), lease=timedelta(seconds=0.4), poll_seconds=0.05)
    with pytest.raises(Killed):
        await publish(article(submission_id), book(), first, kill.site(site), covers())
    second = EffectLedger(documents, lease=timedelta(seconds=0.4), poll_seconds=0.05)
    published = await publish(article(submission_id), book(), second, site, covers())
    assert _new(await outside.posts(), posts) == [published.post_id]
    assert _new(await outside.media(), media) == [published.media_id]
    assert (await outside.post(published.post_id))["featured_media"] == published.media_id


async def test_publishing_an_article_many_times_at_once_makes_one_post_and_one_media_item(
    submission_id: str, documents: MemoryDocuments, site: WordPressRest, outside: Outside
) -> None:
    posts, media = await outside.posts(), await outside.media()
    runs = [publish(article(submission_id), book(), EffectLedger(documents), site, covers()) for _ in range(3)]
    published = await asyncio.gather(*runs)
    assert _new(await outside.posts(), posts) == [published[0].post_id]
    assert _new(await outside.media(), media) == [published[0].media_id]


def _new(now: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[int]:
    known = {one["id"] for one in before}
    return [one["id"] for one in now if one["id"] not in known]
