"""A publishing site kept in memory: the twin of WordPress, for tests and dry runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count

from spine.errors import AuthenticationError, InvalidInputError, MillraceError, NotFoundError
from spine.publishing_port import ImageFile, PostChanges, SiteImage, SitePost, Taxonomy

_TAKEN = ("image/jpeg", "image/png", "image/gif", "image/webp")


@dataclass
class StoredPost:
    """A post with what was last written to it."""

    post: SitePost
    changes: PostChanges | None = None


@dataclass
class StoredImage:
    image: SiteImage
    post_id: int
    file: ImageFile


@dataclass
class MemorySite:
    """`spine.publishing_port.PublishingSite` that lives as long as the object; its content is open to look at.

    `refuses` names calls (`upload_image`, `term`, …) with the error that each of them raises; `accepts_login` off
    refuses them all, as a wrong password does. Ids count from 1 over all kinds, as in WordPress.
    """

    name: str = "memory.example"
    accepts_login: bool = True
    refuses: Mapping[str, MillraceError] = field(default_factory=dict[str, MillraceError])
    posts: dict[int, StoredPost] = field(default_factory=dict[int, StoredPost])
    images: dict[int, StoredImage] = field(default_factory=dict[int, StoredImage])
    terms: dict[tuple[Taxonomy, str], int] = field(default_factory=dict[tuple[Taxonomy, str], int])
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def create_draft(self, slug: str, title: str) -> SitePost:
        self._admit("create_draft")
        id = next(self._ids)
        post = SitePost(id, _free(slug, self._post_slugs()), "draft", self._preview(id))
        self.posts[id] = StoredPost(post)
        return post

    async def posts_with_slug(self, slug: str) -> list[SitePost]:
        self._admit("posts_with_slug")
        numbered = re.compile(rf"{re.escape(slug)}(?:-\d)?")
        found = [one.post for one in self.posts.values() if numbered.fullmatch(one.post.slug)]
        return [post for post in found if post.status != "trash"]

    async def post(self, id: int) -> SitePost | None:
        self._admit("post")
        return self.posts[id].post if id in self.posts else None

    async def change_post(self, id: int, changes: PostChanges) -> SitePost:
        self._admit("change_post")
        if id not in self.posts:
            raise NotFoundError(f"{self.name} has no post {id}.")
        before = self.posts[id].post
        slug = before.slug
        if changes.slug is not None and changes.slug != slug:
            slug = _free(changes.slug, self._post_slugs())
        url = f"https://{self.name}/{slug}/" if changes.status == "publish" else self._preview(id)
        cover_id = changes.cover_id or before.cover_id
        self.posts[id] = StoredPost(SitePost(id, slug, changes.status, url, cover_id), changes)
        return self.posts[id].post

    async def delete_post(self, id: int) -> None:
        self._admit("delete_post")
        self.posts.pop(id, None)

    async def upload_image(self, post_id: int, slug: str, image: ImageFile) -> SiteImage:
        self._admit("upload_image")
        if image.content_type not in _TAKEN:
            raise InvalidInputError(f"{self.name} does not take files of the type {image.content_type}.")
        taken = [stored.image.slug for stored in self.images.values()]
        stored = SiteImage(next(self._ids), _free(slug, taken))
        self.images[stored.id] = StoredImage(stored, post_id, image)
        return stored

    async def images_of(self, post_id: int) -> list[SiteImage]:
        self._admit("images_of")
        return [stored.image for stored in self.images.values() if stored.post_id == post_id]

    async def image(self, id: int) -> SiteImage | None:
        self._admit("image")
        return self.images[id].image if id in self.images else None

    async def delete_image(self, id: int) -> None:
        self._admit("delete_image")
        self.images.pop(id, None)
        for stored in self.posts.values():
            if stored.post.cover_id == id:
                stored.post = replace(stored.post, cover_id=None)

    async def term(self, taxonomy: Taxonomy, name: str) -> int:
        self._admit("term")
        key = (taxonomy, name.casefold())
        if key not in self.terms:
            self.terms[key] = next(self._ids)
        return self.terms[key]

    async def close(self) -> None:
        """Nothing is open; what was published stays readable."""

    def trash(self, id: int) -> None:
        """What a person does in the site's own pages."""
        stored = self.posts[id]
        stored.post = replace(stored.post, status="trash")

    def _admit(self, call: str) -> None:
        if not self.accepts_login:
            raise AuthenticationError(f"{self.name} did not accept the application password.", service=self.name)
        if call in self.refuses:
            raise self.refuses[call]

    def _preview(self, id: int) -> str:
        return f"https://{self.name}/?p={id}"

    def _post_slugs(self) -> list[str]:
        return [stored.post.slug for stored in self.posts.values()]


def _free(slug: str, taken: Iterable[str]) -> str:
    """The slug, numbered from 2 on when it is taken."""
    others = set(taken)
    numbered = (f"{slug}-{number}" for number in count(2))
    return next(one for one in chain([slug], numbered) if one not in others)
