"""The loopback WordPress answers our client as a WordPress does, as far as publishing goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from spine.adapters.wordpress import WordPressRest
from spine.errors import AuthenticationError
from spine.publishing_port import ImageFile, PostChanges, SiteLogin
from spine.testing.loopback_wordpress import LoopbackWordPress

LOGIN = ("editor", "abcd efgh")


@pytest.fixture
def wordpress() -> Iterator[LoopbackWordPress]:
    with LoopbackWordPress(login=LOGIN) as server:
        yield server


@pytest.fixture
async def site(wordpress: LoopbackWordPress) -> AsyncIterator[WordPressRest]:
    opened = WordPressRest(SiteLogin(wordpress.url, LOGIN[0], SecretStr(LOGIN[1])))
    yield opened
    await opened.close()


async def test_a_draft_is_found_by_its_slug_changed_and_deleted(
    wordpress: LoopbackWordPress, site: WordPressRest
) -> None:
    draft = await site.create_draft("the-clock", "The Clock")
    assert [post.id for post in await site.posts_with_slug("the-clock")] == [draft.id]
    category = await site.term("categories", "Reviews")
    assert await site.term("categories", "reviews") == category
    changes = PostChanges(
        title="The Clock", html="<p>x</p>", excerpt="x", status="publish", categories=(category,), tags=()
    )
    assert (await site.change_post(draft.id, changes)).status == "publish"
    assert len(wordpress.titled("The Clock")) == 1
    await site.delete_post(draft.id)
    assert await site.post(draft.id) is None


async def test_a_second_draft_of_a_slug_is_numbered(site: WordPressRest) -> None:
    assert [(await site.create_draft("clock", "Clock")).slug for _ in range(2)] == ["clock", "clock-2"]


async def test_an_image_belongs_to_its_post(site: WordPressRest) -> None:
    draft = await site.create_draft("clock", "Clock")
    image = await site.upload_image(draft.id, "cover", ImageFile("c.png", b"\x89PNG", "image/png", "Cover", "a cover"))
    assert (await site.images_of(draft.id), image.slug) == ([image], "cover")


async def test_another_password_is_refused(wordpress: LoopbackWordPress) -> None:
    stranger = WordPressRest(SiteLogin(wordpress.url, "editor", SecretStr("wrong")))
    with pytest.raises(AuthenticationError):
        await stranger.posts_with_slug("clock")
    await stranger.close()
