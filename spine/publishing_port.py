"""The edge to the site that articles are published on, and what passes over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from pydantic import BaseModel, Field, SecretStr

NO_SITE = (
    "There is no site to publish on: save a block `WordPress Site` named `default` in the Prefect UI (address, user, "
    "application password). The article stays approved and is published once it is there."
)

PostStatus = Literal["draft", "publish"]
Taxonomy = Literal["categories", "tags"]


@dataclass(frozen=True, slots=True)
class SiteLogin:
    """What it takes to write to a site. The password shows in no repr."""

    url: str  # the site's home, as its visitors type it
    username: str
    application_password: SecretStr


@dataclass(frozen=True, slots=True)
class SitePost:
    """A post as the site has it."""

    id: int
    slug: str
    status: str  # draft | publish | pending | private | future | trash | one that a plugin added
    url: str
    cover_id: int | None = None


@dataclass(frozen=True, slots=True)
class SiteImage:
    """An image of the media library. The site may have numbered its slug: `cover`, `cover-2`."""

    id: int
    slug: str


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image on its way to the media library."""

    name: str  # file name with its extension
    content: bytes = field(repr=False)
    content_type: str
    title: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class PostChanges:
    """What a post is to say. `title`, `html` and `excerpt` are HTML that is safe to show; None leaves a field alone."""

    title: str
    html: str
    excerpt: str
    status: PostStatus
    categories: Sequence[int]
    tags: Sequence[int]
    slug: str | None = None
    cover_id: int | None = None


class PublishedPost(BaseModel):
    """Where an article stands on the site after publishing it."""

    post_id: int
    url: str = Field(description="of the post; a draft's is a preview that needs a login")
    status: str = Field(description="as the site names it: publish | draft")
    media_id: int | None = Field(default=None, description="the featured image; None: the post has none")
    notes: list[str] = Field(default_factory=list, description="what was left out, and why; for the reviewer")


class PublishingSite(Protocol):
    """A site that one login may write to.

    Raises `AuthenticationError`, `InvalidInputError` and other `PermanentError`s (the site refused; nothing was
    made), `RateLimitError`, `ExternalServiceError` and `TimeLimitError` (what was asked for may have been done).
    """

    @property
    def name(self) -> str:
        """The site's address without its scheme: the same for every login to it, different for every site."""
        ...

    async def create_draft(self, slug: str, title: str) -> SitePost:
        """A new empty draft; the site numbers its slug when it is taken."""
        ...

    async def posts_with_slug(self, slug: str) -> list[SitePost]:
        """Posts of any status but trash whose slug is `slug` or a numbered `slug`, the oldest first."""
        ...

    async def post(self, id: int) -> SitePost | None:
        """The post, in the trash as well; None when it was deleted."""
        ...

    async def change_post(self, id: int, changes: PostChanges) -> SitePost:
        """Write the post anew, out of the trash if it is there. Doing so twice is doing it once."""
        ...

    async def delete_post(self, id: int) -> None:
        """Delete for good; one that is gone already is no error."""
        ...

    async def upload_image(self, post_id: int, slug: str, image: ImageFile) -> SiteImage:
        """Put an image into the media library, attached to the post."""
        ...

    async def images_of(self, post_id: int) -> list[SiteImage]:
        """The images attached to the post, the oldest first."""
        ...

    async def image(self, id: int) -> SiteImage | None: ...

    async def delete_image(self, id: int) -> None:
        """Delete for good; one that is gone already is no error."""
        ...

    async def term(self, taxonomy: Taxonomy, name: str) -> int:
        """The id of the category or tag of this name, made when there is none; safe to ask twice at once."""
        ...

    async def close(self) -> None: ...


OpenSite = Callable[[], PublishingSite | None]
"""A client of the site to publish on, which the caller closes; None while no site is configured."""
