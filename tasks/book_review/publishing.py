"""Publishes an article: one post and one cover on the site, however often and wherever it is interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spine.contracts.books import ConsolidatedBook
from spine.contracts.texts import Article
from spine.effects import EffectLedger, Outcome
from spine.errors import ConflictError, ExternalServiceError, PermanentError
from spine.idempotency import digest, effect_key
from spine.ports import PageFetcher
from spine.publishing_port import (
    ImageFile,
    PostChanges,
    PostStatus,
    PublishedPost,
    PublishingSite,
    SiteImage,
    SitePost,
    Taxonomy,
)
from tasks.book_review.publish.cover import Cover, NoCover, read_cover
from tasks.book_review.publish.post_plan import PostPlan, plan_post
from tasks.book_review.publish.subjects import Subjects

_MARK_LENGTH = 16
_PUBLIC = ("publish", "future", "private")
_NO_SUBJECTS = Subjects()


async def publish(
    article: Article,
    book: ConsolidatedBook,
    effects: EffectLedger,
    site: PublishingSite,
    pages: PageFetcher,
    *,
    subjects: Subjects = _NO_SUBJECTS,
    language: str = "en",
    status: PostStatus = "publish",
) -> PublishedPost:
    """Put the article on the site, or bring the post that it has there up to date.

    A submission has one post on a site: an empty draft is made first, once, and everything after that writes to it by
    its id and may be repeated. The draft's slug and the cover's slug carry the hash of their effect's key, so that
    what an interrupted run made is found again. The post gets its readable slug with its first text and keeps it.

    Args:
        article: The revision to publish; it is the submission (`submission_id`) that has the post.
        book: Gives the cover, its alt text and the authors.
        effects: Remembers post and cover; lives in the collection `effects`.
        site: Where to publish.
        pages: Fetches the cover under the URL guard.
        subjects: Become categories and tags.
        language: Of the article, for the heading above its sources.
        status: "publish" also for a post that is public already; "draft" is refused there (`ConflictError`), for it
            would either show what nobody approved or take the post offline.

    Raises:
        AuthenticationError, InvalidInputError, ConflictError: as the site or the article asks for it.
        RateLimitError, ExternalServiceError, TimeLimitError, DatabaseError: call again with the same arguments.
    """
    plan = plan_post(article, book, subjects, language)
    publication = _Publication(effects, site, plan, article.submission_id)
    post = await publication.own_post()
    if status == "draft" and post.status in _PUBLIC:
        raise ConflictError(f"{post.url} is public; approve the article to update it, it cannot become a draft again.")
    picture = await publication.place_cover(post, await read_cover(pages, plan.cover_url))
    category_ids, category_notes = await publication.term_ids("categories", plan.categories)
    tag_ids, tag_notes = await publication.term_ids("tags", plan.tags)
    changes = PostChanges(
        title=plan.title,
        html=plan.html,
        excerpt=plan.excerpt,
        status=status,
        categories=category_ids,
        tags=tag_ids,
        slug=plan.slug if plan.slug and publication.has_its_mark(post) else None,
        cover_id=picture.featured,
    )
    written = await site.change_post(post.id, changes)
    await publication.clear_strays(written, picture.placed)
    return PublishedPost(
        post_id=written.id,
        url=written.url,
        status=written.status,
        media_id=written.cover_id,
        notes=[*picture.notes, *category_notes, *tag_notes],
    )


@dataclass(frozen=True, slots=True)
class _Picture:
    """The cover in the media library and what the post is told about it."""

    placed: int | None = None
    featured: int | None = None  # None: leave the post's featured image alone
    notes: Sequence[str] = ()


class _Publication:
    """One submission's post and cover on one site, and the marks by which they are known there."""

    def __init__(self, effects: EffectLedger, site: PublishingSite, plan: PostPlan, submission_id: str) -> None:
        self._effects = effects
        self._site = site
        self._plan = plan
        self._subject = f"{submission_id}:{digest(site.name)[:_MARK_LENGTH]}"
        self._post_key = effect_key(self._subject, "post")
        self._post_mark = f"millrace-{digest(self._post_key)[:_MARK_LENGTH]}"
        self._cover_mark = f"{self._post_mark}-cover-"

    def has_its_mark(self, post: SitePost) -> bool:
        """Whether the post has no slug but the one it was made under."""
        return post.slug.startswith(self._post_mark)

    async def own_post(self) -> SitePost:
        """The submission's post; a new draft when there is none, or when somebody deleted it on the site."""
        outcome = await self._effects.once(self._post_key, make=self._make_draft, find=self._find_draft)
        post = await self._site.post(_id_in(outcome))
        if post is None:
            await self._effects.forget(self._post_key, outcome)
            outcome = await self._effects.once(self._post_key, make=self._make_draft, find=self._find_draft)
            post = await self._site.post(_id_in(outcome))
        if post is None:
            raise ExternalServiceError(f"{self._site.name} does not show the draft that it has just made.")
        return post

    async def place_cover(self, post: SitePost, cover: Cover | NoCover) -> _Picture:
        """The cover in the media library. A cover that cannot be had or is refused leaves the post as it is."""
        if isinstance(cover, NoCover):
            return _Picture(notes=[_note_of(cover.reason, post)])
        try:
            placed = await self._own_image(post, cover)
        except PermanentError as error:
            return _Picture(notes=[_note_of(f"the site refused the cover: {error.message}", post)])
        if post.cover_id in (None, placed) or post.cover_id in [one.id for one in await self._covers_of(post)]:
            return _Picture(placed=placed, featured=placed)
        return _Picture(placed=placed, notes=["somebody chose another featured image on the site; it stays"])

    async def term_ids(self, taxonomy: Taxonomy, names: Sequence[str]) -> tuple[list[int], list[str]]:
        """The terms of these names, and a note for each that the site would not have."""
        ids: list[int] = []
        notes: list[str] = []
        for name in names:
            try:
                ids.append(await self._site.term(taxonomy, name))
            except PermanentError as error:
                notes.append(f"{name!r} was left out of the {taxonomy}: {error.message}")
        return list(dict.fromkeys(ids)), notes

    async def clear_strays(self, post: SitePost, cover_id: int | None) -> None:
        """Remove what the site finished for a process that was gone by then, and covers that were replaced."""
        for stray in await self._site.posts_with_slug(self._post_mark):
            if stray.id != post.id and stray.status == "draft":
                await self._site.delete_post(stray.id)
        if cover_id is not None:
            for stray in await self._covers_of(post):
                if stray.id not in (cover_id, post.cover_id):
                    await self._site.delete_image(stray.id)

    async def _make_draft(self) -> Outcome:
        """Of two drafts that were made at the same moment, everybody keeps the older one."""
        made = await self._site.create_draft(self._post_mark, self._plan.title)
        first, *later = await self._site.posts_with_slug(self._post_mark) or [made]
        for stray in later:
            if stray.status == "draft":
                await self._site.delete_post(stray.id)
        return {"post_id": first.id}

    async def _find_draft(self) -> Outcome | None:
        found = await self._site.posts_with_slug(self._post_mark)
        return {"post_id": found[0].id} if found else None

    async def _own_image(self, post: SitePost, cover: Cover) -> int:
        upload = _Upload(self._site, post, f"{self._cover_mark}{cover.hash}", self._image_file(cover))
        key = effect_key(self._subject, f"cover:{post.id}:{cover.hash}")
        outcome = await self._effects.once(key, make=upload.make, find=upload.find)
        if await self._site.image(_id_in(outcome)) is None:
            await self._effects.forget(key, outcome)
            outcome = await self._effects.once(key, make=upload.make, find=upload.find)
        return _id_in(outcome)

    async def _covers_of(self, post: SitePost) -> list[SiteImage]:
        """Covers of ours that are attached to the post, whichever run put them there."""
        return [image for image in await self._site.images_of(post.id) if image.slug.startswith(self._cover_mark)]

    def _image_file(self, cover: Cover) -> ImageFile:
        return ImageFile(
            name=f"{self._plan.cover_name}{cover.facts.extension}",
            content=cover.content,
            content_type=cover.facts.content_type,
            title=self._plan.alt_text,
            alt_text=self._plan.alt_text,
        )


@dataclass(frozen=True, slots=True)
class _Upload:
    """Putting one image into the media library of one post, and finding it there."""

    site: PublishingSite
    post: SitePost
    slug: str
    image: ImageFile

    async def make(self) -> Outcome:
        made = await self.site.upload_image(self.post.id, self.slug, self.image)
        first, *later = await self._uploaded() or [made]
        for stray in later:
            await self.site.delete_image(stray.id)
        return {"media_id": first.id}

    async def find(self) -> Outcome | None:
        found = await self._uploaded()
        return {"media_id": found[0].id} if found else None

    async def _uploaded(self) -> list[SiteImage]:
        return [one for one in await self.site.images_of(self.post.id) if one.slug.startswith(self.slug)]


def _id_in(outcome: Outcome) -> int:
    return int(outcome.get("post_id") or outcome.get("media_id") or 0)


def _note_of(reason: str, post: SitePost) -> str:
    kept = "the post keeps the cover it has" if post.cover_id else "the post goes out without it"
    return f"{reason}; {kept}"
