"""What every publishing site does alike: the real WordPress and its twin in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from spine.adapters.wordpress import WordPressRest
from spine.errors import AuthenticationError, InvalidInputError, NotFoundError
from spine.publishing_port import ImageFile, PostChanges, PublishingSite, SiteLogin
from spine.testing.memory_site import MemorySite
from tests.wordpress.debian_wordpress import DebianWordPress
from tests.wordpress.reviewed_book import png

KINDS = [pytest.param("memory", id="memory"), pytest.param("wordpress", id="wordpress", marks=pytest.mark.wordpress)]


@pytest.fixture(params=KINDS)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[PublishingSite]:
    opened: PublishingSite = (
        MemorySite() if request.param == "memory" else WordPressRest(request.getfixturevalue("login"))
    )
    yield opened
    await opened.close()


def image(content_type: str = "image/png", name: str = "cover.png") -> ImageFile:
    content = png(60, 90) if content_type == "image/png" else b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    return ImageFile(name, content, content_type, title="A cover", alt_text="A cover – Somebody")


def changes(slug: str | None = None, cover_id: int | None = None, terms: Sequence[int] = ()) -> PostChanges:
    return PostChanges("Title", "<p>Text</p>", "Text", "publish", terms, [], slug, cover_id)


async def test_a_new_draft_is_found_by_its_slug(site: PublishingSite) -> None:
    draft = await site.create_draft("found-by-slug", "A title")
    assert (draft.slug, draft.status, draft.cover_id) == ("found-by-slug", "draft", None)
    assert await site.posts_with_slug("found-by-slug") == [draft]
    assert await site.post(draft.id) == draft


async def test_drafts_of_one_slug_are_numbered_and_found_together_oldest_first(site: PublishingSite) -> None:
    drafts = [await site.create_draft("one-slug", "A title") for _ in range(3)]
    assert [draft.slug for draft in drafts] == ["one-slug", "one-slug-2", "one-slug-3"]
    assert await site.posts_with_slug("one-slug") == drafts


async def test_a_slug_is_not_found_by_its_beginning(site: PublishingSite) -> None:
    await site.create_draft("whole-slug-of-one", "A title")
    assert await site.posts_with_slug("whole-slug") == []


async def test_a_published_post_has_the_address_of_its_slug(site: PublishingSite) -> None:
    draft = await site.create_draft("mark-1", "Title")
    post = await site.change_post(draft.id, changes(slug="a-readable-slug"))
    assert (post.id, post.slug, post.status) == (draft.id, "a-readable-slug", "publish")
    assert post.url.endswith("/a-readable-slug/")
    again = await site.change_post(draft.id, changes())
    assert again == post


async def test_a_slug_that_another_post_has_is_numbered(site: PublishingSite) -> None:
    posts = [await site.create_draft(f"mark-{letter}", "Title") for letter in "ab"]
    published = [await site.change_post(post.id, changes(slug="same-title")) for post in posts]
    assert [post.slug for post in published] == ["same-title", "same-title-2"]


async def test_an_image_belongs_to_its_post_and_can_be_its_cover(site: PublishingSite) -> None:
    draft = await site.create_draft("with-cover", "Title")
    uploaded = await site.upload_image(draft.id, "with-cover-image", image())
    assert await site.images_of(draft.id) == [uploaded]
    assert await site.image(uploaded.id) == uploaded
    post = await site.change_post(draft.id, changes(cover_id=uploaded.id))
    assert post.cover_id == uploaded.id
    assert (await site.change_post(draft.id, changes())).cover_id == uploaded.id


async def test_images_of_one_slug_are_numbered_and_listed_oldest_first(site: PublishingSite) -> None:
    draft = await site.create_draft("with-images", "Title")
    uploaded = [await site.upload_image(draft.id, "twice-the-image", image()) for _ in range(2)]
    assert [one.slug for one in uploaded] == ["twice-the-image", "twice-the-image-2"]
    assert await site.images_of(draft.id) == uploaded


async def test_an_svg_is_refused_for_good(site: PublishingSite) -> None:
    draft = await site.create_draft("with-svg", "Title")
    with pytest.raises(InvalidInputError):
        await site.upload_image(draft.id, "svg", image("image/svg+xml", "cover.svg"))
    assert await site.images_of(draft.id) == []


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(site: PublishingSite) -> None:
    draft = await site.create_draft("to-delete", "Title")
    uploaded = await site.upload_image(draft.id, "to-delete-image", image())
    for _ in range(2):
        await site.delete_image(uploaded.id)
        await site.delete_post(draft.id)
    assert await site.image(uploaded.id) is None
    assert await site.post(draft.id) is None
    with pytest.raises(NotFoundError):
        await site.change_post(draft.id, changes())


# WordPress stores `&` encoded and does not find such a name again: it is the answer `term_exists` that tells the id.
@pytest.mark.parametrize("name", ["Fantasy", "Cooks & Thieves", "Märchen", "Пригоди"])
async def test_a_term_is_made_once_and_found_by_any_case(site: PublishingSite, name: str) -> None:
    for taxonomy in ("categories", "tags"):
        first = await site.term(taxonomy, name)
        assert await site.term(taxonomy, name) == first
        assert await site.term(taxonomy, name.upper()) == first


async def test_a_term_that_is_made_by_many_at_once_exists_once(site: PublishingSite) -> None:
    ids = await asyncio.gather(*(site.term("tags", "made by many") for _ in range(4)))
    assert len({*ids, await site.term("tags", "made by many")}) == 1


@pytest.mark.wordpress
@pytest.mark.parametrize("call", ["create_draft", "posts_with_slug", "post", "images_of", "change_post"])
async def test_a_wrong_password_is_refused_by_every_call_and_named_in_no_error(login: SiteLogin, call: str) -> None:
    wrong = type(login.application_password)("canary WRONG pass WORD")
    site = WordPressRest(SiteLogin(login.url, login.username, wrong))
    arguments = {"create_draft": ("slug", "Title"), "posts_with_slug": ("slug",), "change_post": (1, changes())}
    with pytest.raises(AuthenticationError, match="Application Passwords") as refused:
        await getattr(site, call)(*arguments.get(call, (1,)))
    await site.close()
    assert "canary" not in repr((refused.value, refused.value.details))


@pytest.mark.wordpress
async def test_a_user_who_may_not_make_categories_is_told_which_role_may(wordpress: DebianWordPress) -> None:
    site = WordPressRest(wordpress.login("anna", role="author"))
    with pytest.raises(AuthenticationError, match="'anna' needs the role Editor"):
        await site.term("categories", "A shelf of her own")
    await site.close()


@pytest.mark.wordpress
async def test_a_site_without_pretty_permalinks_is_written_to_as_well(wordpress: DebianWordPress) -> None:
    wordpress.set_option("permalink_structure", "")
    site = WordPressRest(wordpress.login())
    try:
        draft = await site.create_draft("plain-permalinks", "Title")
        assert await site.posts_with_slug("plain-permalinks") == [draft]
    finally:
        await site.close()
        wordpress.set_option("permalink_structure", "/%postname%/")
