"""Publishing: one post and one cover, wherever a run is cut off and whatever the site refuses."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from spine.effects import EffectLedger
from spine.errors import ConflictError, ExternalServiceError, InvalidInputError, MillraceError, RateLimitError
from spine.publishing_port import PublishedPost
from spine.testing.memory_documents import MemoryDocuments
from spine.testing.memory_pages import MemoryPages
from spine.testing.memory_site import MemorySite
from tasks.book_review.publish.subjects import Subjects
from tasks.book_review.publishing import publish
from tests.wordpress.interruptions import Interruption, Killed
from tests.wordpress.reviewed_book import article, book, covers

SUBJECTS = Subjects(themes=["fantasy"], topics=["dragons"])
LEASE = timedelta(milliseconds=20)


class Desk:
    """One store and one site, on which an article is published again and again."""

    def __init__(self) -> None:
        self.documents = MemoryDocuments()
        self.site = MemorySite()
        self.effects = EffectLedger(self.documents, lease=LEASE, poll_seconds=0.005)

    async def publish(self, pages: MemoryPages | None = None, **changes: str) -> PublishedPost:
        subject = article("sub_1", **changes)
        return await publish(subject, book(), self.effects, self.site, pages or covers(), subjects=SUBJECTS)

    async def publish_until(self, point: int | str) -> Interruption:
        """A run that is killed at a point, if it has so many."""
        kill = Interruption(at=point)
        ledger = EffectLedger(kill.documents(self.documents), lease=LEASE, poll_seconds=0.005)
        try:
            await publish(article("sub_1"), book(), ledger, kill.site(self.site), covers(), subjects=SUBJECTS)
        except Killed:
            assert kill.happened
        return kill


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_what_is_published_is_told_with_its_address_and_cover(desk: Desk) -> None:
    published = await desk.publish()
    stored = desk.site.posts[published.post_id]
    assert published == PublishedPost(
        post_id=stored.post.id,
        url="https://memory.example/the-hobbit-reviewed/",
        status="publish",
        media_id=next(iter(desk.site.images)),
    )
    assert stored.changes is not None
    assert [desk.site.terms["categories", "fantasy"]] == stored.changes.categories
    assert [desk.site.terms["tags", name] for name in ("j. r. r. tolkien", "dragons")] == stored.changes.tags


async def test_killed_at_any_point_and_repeated_there_is_one_post_and_one_media_item() -> None:
    whole = await Desk().publish_until(-1)
    assert len(whole.points) > 30
    for number, name in enumerate(whole.points):
        desk = Desk()
        assert (await desk.publish_until(number)).points == whole.points[: number + 1]
        published = await desk.publish()
        assert list(desk.site.posts) == [published.post_id], name
        assert list(desk.site.images) == [published.media_id], name
        assert published.url == "https://memory.example/the-hobbit-reviewed/", name


async def test_killed_at_every_point_in_turn_an_update_still_has_one_post_and_the_new_cover(desk: Desk) -> None:
    before = await desk.publish()
    steps = len((await Desk().publish_until(-1)).points)
    for number in range(steps):
        await desk.publish_until(number)
    after = await desk.publish(covers((1, 2, 3)))
    assert list(desk.site.posts) == [before.post_id] == [after.post_id]
    assert list(desk.site.images) == [after.media_id]
    assert after.media_id != before.media_id


async def test_what_the_site_finishes_for_a_dead_process_is_removed_by_the_next_publication(desk: Desk) -> None:
    """The request of a killed run may wait in the site's queue until another run has done its work."""
    await desk.publish_until("after create_draft")
    late_post = desk.site.posts.popitem()[1].post
    await desk.publish_until("after upload_image")
    late_image = desk.site.images.popitem()[1]
    published = await desk.publish()
    await desk.site.create_draft(late_post.slug, "Title")
    await desk.site.upload_image(published.post_id, late_image.image.slug, late_image.file)
    assert (len(desk.site.posts), len(desk.site.images)) == (2, 2)
    assert await desk.publish() == published
    assert list(desk.site.posts) == [published.post_id]
    assert list(desk.site.images) == [published.media_id]


async def test_a_draft_of_ours_that_somebody_published_is_not_removed(desk: Desk) -> None:
    await desk.publish_until("after create_draft")
    slug = next(iter(desk.site.posts.values())).post.slug
    published = await desk.publish()
    copy = await desk.site.create_draft(slug, "A copy")
    changes = desk.site.posts[published.post_id].changes
    assert changes is not None
    await desk.site.change_post(copy.id, changes)
    await desk.publish()
    assert copy.id in desk.site.posts


async def test_published_many_times_at_once_there_is_one_post_and_one_media_item(desk: Desk) -> None:
    runs = await asyncio.gather(*(desk.publish() for _ in range(8)))
    assert (len(desk.site.posts), len(desk.site.images)) == (1, 1)
    assert len({run.post_id for run in runs}) == len({run.media_id for run in runs}) == 1


async def test_two_articles_of_one_title_are_two_posts(desk: Desk) -> None:
    first = await desk.publish()
    second = await publish(article("sub_2"), book(), desk.effects, desk.site, covers())
    assert (first.post_id, first.media_id) != (second.post_id, second.media_id)
    assert second.url == "https://memory.example/the-hobbit-reviewed-2/"


async def test_on_another_site_the_article_is_another_post(desk: Desk) -> None:
    first = await desk.publish()
    elsewhere = MemorySite(name="other.example")
    second = await publish(article("sub_1"), book(), desk.effects, elsewhere, covers())
    assert len(elsewhere.posts) == 1
    assert (await desk.publish()) == first
    assert second.url.startswith("https://other.example/")


async def test_an_edited_title_changes_the_post_and_not_its_address(desk: Desk) -> None:
    first = await desk.publish()
    again = await desk.publish(title="A better title")
    assert again == first
    changes = desk.site.posts[first.post_id].changes
    assert changes is not None
    assert changes.title == "A better title"


async def test_a_cover_that_is_gone_today_leaves_the_one_of_yesterday(desk: Desk) -> None:
    first = await desk.publish()
    again = await desk.publish(MemoryPages())
    assert again.media_id == first.media_id
    assert again.notes[0].endswith("the post keeps the cover it has")


async def test_a_cover_that_somebody_deleted_is_uploaded_again(desk: Desk) -> None:
    first = await desk.publish()
    assert first.media_id is not None
    await desk.site.delete_image(first.media_id)
    again = await desk.publish()
    assert again.media_id not in (None, first.media_id)
    assert list(desk.site.images) == [again.media_id]


async def test_a_cover_that_comes_back_after_another_one_is_uploaded_again(desk: Desk) -> None:
    for color in ((1, 1, 1), (2, 2, 2), (1, 1, 1)):
        published = await desk.publish(covers(color))
        assert list(desk.site.images) == [published.media_id]


REFUSED = [
    pytest.param("upload_image", InvalidInputError("type not allowed"), "the site refused the cover", id="the cover"),
    pytest.param("term", InvalidInputError("may not"), "'Fantasy' was left out of the categories", id="a category"),
]


@pytest.mark.parametrize(("call", "error", "note"), REFUSED)
async def test_what_the_site_refuses_is_noted_and_the_post_goes_out_without(
    desk: Desk, call: str, error: MillraceError, note: str
) -> None:
    desk.site.refuses = {call: error}
    published = await desk.publish()
    assert published.status == "publish"
    assert note in published.notes[0]
    assert error.message in published.notes[0]


@pytest.mark.parametrize("call", ["create_draft", "upload_image", "term", "change_post"])
@pytest.mark.parametrize("error", [RateLimitError("later", retry_after=1.0), ExternalServiceError("down")])
async def test_a_passing_fault_ends_the_run_and_the_next_one_completes_it(
    desk: Desk, call: str, error: MillraceError
) -> None:
    desk.site.refuses = {call: error}
    with pytest.raises(type(error)):
        await desk.publish()
    desk.site.refuses = {}
    published = await desk.publish()
    assert (list(desk.site.posts), list(desk.site.images)) == ([published.post_id], [published.media_id])


async def test_a_public_post_does_not_become_a_draft_and_shows_nothing_unapproved(desk: Desk) -> None:
    published = await desk.publish()
    before = desk.site.posts[published.post_id]
    unapproved = article("sub_1", content="Not approved.")
    with pytest.raises(ConflictError, match="approve the article"):
        await publish(unapproved, book(), desk.effects, desk.site, covers(), status="draft")
    assert desk.site.posts[published.post_id] == before


async def test_a_post_in_the_trash_is_published_again(desk: Desk) -> None:
    published = await desk.publish()
    desk.site.trash(published.post_id)
    assert await desk.publish() == published
